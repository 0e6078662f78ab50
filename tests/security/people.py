"""Who calls: everybody of two organizations, and those whose credentials are good no more."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from apps.users.models import ApiKey, Session, User
from apps.users.services import open_session
from notifier.authentication import SCOPES
from notifier.models import Organization
from tests.factories import make_api_key, make_organization, make_user, secret_of
from tests.integration.api.calling import Caller, key_of, person

Callers = dict[str, Caller]


def callers_of(organization: Organization) -> Callers:
    """Return a caller for each column of the matrix that is about one's own organization."""
    people = {role: make_user(organization=organization, role=role) for role in ROLES}
    return {
        "anonymous": Caller(),
        **{role: person(user) for role, user in people.items()},
        **{f"key {scope}": key_of(organization, scope) for scope in SCOPES},
        "key all": key_of(organization, *SCOPES),
        "test key": key_of(organization, *SCOPES, mode="test"),
    }


ROLES = ("member", "sender", "admin")


def ended_callers(organization: Organization) -> Callers:
    """Return those who could do everything in the organization until their rights ended."""
    inactive = make_organization(is_active=False)
    return {
        "expired key": _ended_key(organization, expires_at=_a_minute_ago()),
        "revoked key": _ended_key(organization, revoked_at=_a_minute_ago()),
        "unknown key": Caller({"X-API-Key": "ntf_live_unknown"}),
        "key of an inactive organization": key_of(inactive, *SCOPES),
        "admin of an inactive organization": _ended_admin(inactive, _do_nothing),
        "inactive admin": _ended_admin(organization, _deactivate),
        "admin who signed out": _ended_admin(organization, _sign_out),
        "erased admin": _ended_admin(organization, _erase),
        "refresh token as access token": _refresh_token(organization),
        "two credentials at once": Caller(
            key_of(organization, *SCOPES).headers | person(_admin(organization)).headers
        ),
    }


def person_in_role(user: User, role: str) -> Caller:
    """Return the same person with another role: rights are read at each request."""
    User.objects.filter(pk=user.pk).update(role=role)
    return person(user)


def _a_minute_ago() -> object:
    return timezone.now() - timedelta(minutes=1)


def _ended_key(organization: Organization, **end: object) -> Caller:
    key = make_api_key(organization=organization, scopes=SCOPES)
    ApiKey.objects.filter(pk=key.pk).update(**end)
    return Caller({"X-API-Key": secret_of(key)})


def _admin(organization: Organization) -> User:
    return make_user(organization=organization, role="admin")


def _ended_admin(organization: Organization, end: Callable[[User], object]) -> Caller:
    admin = _admin(organization)
    # An inactive organization's people cannot sign in; its tokens are from before.
    Organization.objects.filter(pk=organization.pk).update(is_active=True)
    caller = person(admin)
    Organization.objects.filter(pk=organization.pk).update(is_active=organization.is_active)
    end(admin)
    return caller


def _do_nothing(_admin: User) -> None:
    """Its organization has ended, not the person."""


def _deactivate(admin: User) -> None:
    User.objects.filter(pk=admin.pk).update(is_active=False)


def _sign_out(admin: User) -> None:
    Session.objects.filter(user=admin).revoke(timezone.now())


def _erase(admin: User) -> None:
    User.objects.filter(pk=admin.pk).update(is_active=False, erased_at=timezone.now())


def _refresh_token(organization: Organization) -> Caller:
    pair = open_session(user=_admin(organization), now=timezone.now())
    return Caller({"Authorization": f"Bearer {pair.refresh_token}"})
