"""What operators do in the admin, to dead letters and to breakers stands in the audit log."""

from typing import Any

import pytest
from django.test import Client

from apps.delivery.providers.urls import parse_provider_urls
from apps.delivery.services.breakers import reset_breaker
from apps.users.models import ApiKey, User
from notifier.audit import record_change
from notifier.models import AuditEntry
from notifier.quotas import parse_quota
from tests.factories import PASSWORD, make_api_key, make_organization, make_user
from tests.integration.api.calling import Caller, key_of
from tests.integration.notifications.ledger import accept, finish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fast_hasher")]
USERS, LOG = "/admin/users/user/", "/admin/notifier/auditentry/"


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser(email="operator@example.org", password=PASSWORD)


@pytest.fixture
def browser(operator: User) -> Client:
    """A browser in which the operator has signed in through the form."""
    client = Client()
    form = {"username": operator.email, "password": PASSWORD}
    assert client.post("/admin/login/?next=/admin/", form).status_code == 302
    return client


def _only(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def _form_of(user: User, **changes: Any) -> dict[str, Any]:
    names = ("email", "name", "role", "language", "timezone")
    switches = ("is_active", "email_enabled", "push_enabled", "is_staff", "is_superuser")
    form = {name: getattr(user, name) for name in names}
    form |= {name: "on" for name in switches if getattr(user, name)}
    form["organization"] = str(user.organization_id)
    form |= {"devices-TOTAL_FORMS": "0", "devices-INITIAL_FORMS": "0"}
    return {name: value for name, value in (form | changes).items() if value is not None}


def test_changing_a_user_in_the_admin_is_recorded_without_personal_data(
    browser: Client, operator: User
) -> None:
    user = make_user()
    form = _form_of(user, role="sender", name="Eve", is_staff="on")
    assert browser.post(f"{USERS}{user.pk}/change/", form).status_code == 302
    entry = _only("user.changed")
    assert (entry.actor_kind, entry.actor_id) == ("operator", str(operator.pk))
    assert (entry.object_id, entry.organization_id) == (str(user.pk), user.organization_id)
    assert entry.changes == {
        "role": {"old": "member", "new": "sender"},
        "is_staff": {"old": False, "new": True},
        "name": {},
    }
    assert entry.address == "127.0.0.1"
    assert entry.correlation_id


def test_a_password_set_by_an_operator_is_recorded_without_it(browser: Client) -> None:
    user = make_user()
    form = {"password1": "a new long password", "password2": "a new long password"}
    form |= {"usable_password": "true"}
    assert browser.post(f"{USERS}{user.pk}/password/", form).status_code == 302
    assert _only("user.changed").changes == {"password": {}}


def test_organizations_groups_and_keys_of_the_admin_are_recorded(browser: Client) -> None:
    organization = make_organization(name="Old")
    page = f"/admin/notifier/organization/{organization.pk}/change/"
    form = {"slug": organization.slug, "name": "New"}
    assert browser.post(page, form).status_code == 302
    changes = _only("organization.changed").changes
    assert changes["name"] == {"old": "Old", "new": "New"}
    assert changes["is_active"] == {"old": True, "new": False}
    assert browser.post("/admin/auth/group/add/", {"name": "Readers"}).status_code == 302
    assert _only("group.created").changes == {"name": {"new": "Readers"}}
    key = make_api_key()
    action = {"action": "revoke_keys", "_selected_action": [str(key.pk)]}
    assert browser.post("/admin/users/apikey/", action).status_code == 302
    assert _only("api_key.revoked").object_id == str(key.pk)
    assert ApiKey.objects.get().revoked_at is not None


def test_nobody_changes_the_log_in_the_admin(browser: Client) -> None:
    record_change(action="user.changed", object_type="user", object_id="x")
    entry = _only("user.changed")
    assert browser.get(LOG).status_code == 200
    assert "user.changed" in browser.get(f"{LOG}?q=user.changed").content.decode()
    assert browser.get(f"{LOG}{entry.pk}/change/").status_code == 200
    for page in (f"{LOG}add/", f"{LOG}{entry.pk}/delete/"):
        assert browser.get(page).status_code == 403
    assert browser.post(f"{LOG}{entry.pk}/change/", {"actor_id": "me"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [str(entry.pk)], "post": "yes"}
    browser.post(LOG, action)
    assert _only("user.changed").actor_id == ""


def test_interventions_are_recorded_one_by_one(db: None) -> None:
    organization = make_organization()
    key = key_of(organization, "send", "read", "admin")
    failed = [finish(accept(key), "failed", error_code="smtp_550") for _ in range(3)]
    _replay(key, failed[:2])
    discard = {"ids": [str(failed[2])], "reason": "gone"}
    assert key.post("/dead-letters/discard", discard).status == 202
    assert key.post(f"/notifications/{failed[2]}/replay").status == 202
    replayed = AuditEntry.objects.filter(action="notification.replayed")
    assert {entry.object_id for entry in replayed} == {str(pk) for pk in failed}
    assert _only("notification.discarded").object_id == str(failed[2])
    assert {entry.organization_id for entry in replayed} == {organization.pk}
    assert {entry.actor_kind for entry in replayed} == {"api_key"}


def _replay(key: Caller, ids: list[Any]) -> None:
    assert key.post("/dead-letters/replay", {"ids": [str(pk) for pk in ids]}).status == 202
    again = key.post("/dead-letters/replay", {"ids": [str(pk) for pk in ids]})
    assert again.status == 202  # nothing is given up any more: no second entry


def test_a_breaker_that_is_reset_is_recorded(settings: Any) -> None:
    urls = parse_provider_urls("smtp://127.0.0.1:1?name=first", channel="email")
    settings.EMAIL_PROVIDER_URLS = urls
    reset_breaker("first")
    assert _only("breaker.reset").object_id == "first"


def test_the_suppression_page_records_without_the_address(browser: Client) -> None:
    organization = make_organization()
    form = {"organization": str(organization.pk), "channel": "email", "cause": "manual"}
    form |= {"address": "canary@example.org", "note": "asked by phone"}
    page = "/admin/notifications/suppression/"
    assert browser.post(f"{page}add/", form).status_code == 302
    created = _only("suppression.created")
    assert created.changes["channel"]["new"] == "email"
    assert created.organization_id == organization.pk
    removal = {"post": "yes"}
    assert browser.post(f"{page}{created.object_id}/delete/", removal).status_code == 302
    assert _only("suppression.deleted").object_id == created.object_id
    assert "canary" not in str(list(AuditEntry.objects.values()))


def test_the_failure_that_locks_an_account_is_recorded_once(settings: Any) -> None:
    settings.RATE_LIMIT_LOGIN = parse_quota("3/15m")
    user = make_user()
    body = {"email": user.email, "password": "wrong"}
    statuses = [Caller().post("/auth/login", body).status for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    locks = AuditEntry.objects.filter(action="sign_in.locked")
    assert {entry.object_type for entry in locks} == {"login-address", "login-account"}
    assert locks.count() == 2
    refused = AuditEntry.objects.filter(action="sign_in.refused")
    assert refused.count() == 3
    assert locks[0].correlation_id == refused[0].correlation_id
