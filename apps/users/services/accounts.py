"""Accounts: making, changing and erasing users, and who may do that to whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.users.models import Role, Session, User, ensure_default_organization, index_email
from apps.users.services.credentials import check_password_quality
from apps.users.services.devices import register_device
from apps.users.services.field_checks import check_values
from apps.users.services.finding import find_changeable_user, get_user
from apps.users.services.trail import SHOWN_OF_USER, record_user_change
from notifier.addresses import normalise_email
from notifier.audit import describe_changes, describe_new
from notifier.authentication import Principal
from notifier.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from notifier.personal_data import Person, erase_everywhere

log = structlog.get_logger(__name__)
ERASED_NAME = "Erased user"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """A user to be. Without a password it cannot sign in; `push_token` is its first device."""

    email: str
    name: str
    password: str | None = None
    role: str = Role.MEMBER
    language: str = "en"
    timezone: str = "UTC"
    email_enabled: bool = True
    push_enabled: bool = True
    push_token: str | None = None
    platform: str = "android"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChange:
    current: str
    new: str


def register_account(*, account: NewAccount) -> User:
    """Store a stranger as a member of the default organization.

    Raises PermissionDenied where registration is closed, InvalidRequest, Conflict.
    """
    if not settings.REGISTRATION_OPEN:
        raise PermissionDenied("registration is closed")
    return store_account(organization_id=ensure_default_organization().pk, account=account)


def create_account(*, caller: Principal, account: NewAccount) -> User:
    """Store a user of the caller's organization; only admins may give roles.

    What a test key stores can neither sign in nor take a device away from somebody: both would
    end in live notifications. Raises PermissionDenied, InvalidRequest, Conflict.
    """
    caller.require("users")
    if account.role != Role.MEMBER:
        caller.require("admin")
    if account.role != Role.MEMBER or account.password is not None or account.push_token:
        caller.require_mode("live")
    return store_account(organization_id=caller.organization_id, account=account)


def store_account(*, organization_id: UUID, account: NewAccount) -> User:
    """Store a user and its first device, both or neither.

    Raises InvalidRequest for values that cannot be and Conflict for an address that is taken.
    """
    user = _build_user(organization_id, account)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            _register_first_device(user, account)
            record_user_change(
                user_id=user.pk,
                organization_id=organization_id,
                verb="created",
                changes=describe_new(role=user.role),
            )
    except IntegrityError as error:
        raise Conflict("a user with this e-mail address exists") from error
    return user


def update_account(
    *,
    caller: Principal,
    user_id: UUID,
    changes: Mapping[str, Any],
    password: PasswordChange | None = None,
    now: datetime,
) -> User:
    """Change the named columns of a user and return it as it is then.

    A new password, another role and deactivation sign the user out everywhere, in the same
    transaction.
    Raises NotFound, PermissionDenied, InvalidRequest, Conflict.
    """
    user = find_changeable_user(caller=caller, user_id=user_id)
    _authorize_changes(caller, user, changes)
    values = _prepare_changes(changes)
    if password is not None:
        values["password"] = _hash_new_password(caller, user, password)
    _write_changes(user, values, now)
    return get_user(organization_id=user.organization_id, user_id=user.pk)


def erase_user(*, caller: Principal, user_id: UUID, now: datetime) -> None:
    """Erase a user's personal data, devices and sessions, and what other apps know of it.

    The row stays for the ledger, which keeps that something was sent, and when.

    Raises NotFound (also for one who is erased already) and PermissionDenied.
    """
    user = find_changeable_user(caller=caller, user_id=user_id)
    _protect_admins(caller, user)
    with transaction.atomic():
        # The update comes first: it locks the row, so whatever adds a device or a session at the
        # same time either is seen below or finds the user erased.
        if not User.objects.living().filter(pk=user.pk).update(**_erased_values(user, now)):
            raise NotFound("no such user")
        erase_everywhere(describe_person(user, by_address=caller.can("admin")))
        user.devices.all().delete()
        Session.objects.filter(user=user).revoke(now)
        record_user_change(user_id=user.pk, organization_id=user.organization_id, verb="erased")
        LogEntry.objects.filter(  # the admin's history names what it changed
            content_type__app_label="users", content_type__model="user", object_id=str(user.pk)
        ).update(object_repr=ERASED_NAME)
    log.info("user_erased", user_id=str(user.pk))


def describe_person(user: User, *, by_address: bool) -> Person:
    """Return what other apps find a user's data by.

    `by_address` also finds what was sent to its address and devices without naming the user: for
    admins alone. An address is whatever somebody wrote when signing up, and proves nothing.
    """
    indexes: list[str] = []
    if by_address:
        indexes = [user.email_key, *user.devices.values_list("token_digest", flat=True)]
    return Person(
        user_id=user.pk, organization_id=user.organization_id, indexes=frozenset(indexes)
    )


def _build_user(organization_id: UUID, account: NewAccount) -> User:
    values = {
        "name": account.name.strip(),
        "role": account.role,
        "language": account.language,
        "timezone": account.timezone,
        "email_enabled": account.email_enabled,
        "push_enabled": account.push_enabled,
    }
    check_values(User, values)
    if account.password is not None:
        likeness = User(email=account.email, name=account.name)
        check_password_quality(account.password, user=likeness)
    return User.objects.build_user(
        email=account.email, password=account.password, organization_id=organization_id, **values
    )


def _register_first_device(user: User, account: NewAccount) -> None:
    if account.push_token is not None:
        register_device(
            organization_id=user.organization_id,
            user_id=user.pk,
            token=account.push_token,
            platform=account.platform,
            now=timezone.now(),
        )


def _authorize_changes(caller: Principal, user: User, changes: Mapping[str, Any]) -> None:
    _protect_admins(caller, user)
    if "is_active" in changes:
        caller.require("users")
    if "role" in changes:
        caller.require("admin")


def _protect_admins(caller: Principal, user: User) -> None:
    """The scope `users` is for looking after members: an admin is out of its reach."""
    if user.role == Role.ADMIN and not caller.is_user(user.pk):
        caller.require("admin")


def _prepare_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(changes)
    if "name" in values:
        values["name"] = values["name"].strip()
    check_values(User, values)
    if "email" in values:
        values["email"] = normalise_email(values["email"])
        values["email_key"] = index_email(values["email"])
    return values


def _hash_new_password(caller: Principal, user: User, change: PasswordChange) -> str:
    if not caller.is_user(user.pk):
        raise PermissionDenied("only the person itself may change its password")
    if not user.check_password(change.current):
        raise InvalidRequest.of_field("current_password", "is not the current password")
    check_password_quality(change.new, user=user)
    return make_password(change.new)


def _write_changes(user: User, values: Mapping[str, Any], now: datetime) -> None:
    """Columns that were not named keep what others write at the same time."""
    try:
        with transaction.atomic():
            living = User.objects.living().filter(pk=user.pk)
            before = living.select_for_update(no_key=True).first()
            if before is None:
                raise NotFound("no such user")
            living.update(**values, updated_at=now)
            if ends_sessions(before, values):
                Session.objects.filter(user=user).revoke(now)
            _record_changes(before, values)
    except IntegrityError as error:
        raise Conflict("a user with this e-mail address exists") from error


def ends_sessions(before: User, values: Mapping[str, Any]) -> bool:
    """Must whoever is signed in prove anew who it is after this change?"""
    has_other_role = values.get("role", before.role) != before.role
    return has_other_role or "password" in values or values.get("is_active") is False


def _record_changes(before: User, values: Mapping[str, Any]) -> None:
    after = {name: value for name, value in values.items() if name != "email_key"}
    old = {name: getattr(before, name) for name in after}
    if changes := describe_changes(old, after, shown=SHOWN_OF_USER):
        record_user_change(
            user_id=before.pk,
            organization_id=before.organization_id,
            verb="changed",
            changes=changes,
        )


def _erased_values(user: User, now: datetime) -> dict[str, Any]:
    address = f"erased-{user.pk}@erased.invalid"
    return {
        "email": address,
        "email_key": index_email(address),
        "name": ERASED_NAME,
        "password": make_password(None),
        "role": Role.MEMBER,
        "language": "en",
        "timezone": "UTC",
        "is_active": False,
        "is_staff": False,
        "is_superuser": False,
        "erased_at": now,
        "updated_at": now,
    }
