"""Handing a person all that is kept about it (GDPR articles 15 and 20)."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

from apps.users.models import User
from apps.users.services.accounts import describe_person
from apps.users.services.finding import find_user
from notifier.authentication import Principal
from notifier.errors import NotFound
from notifier.personal_data import export_everywhere

Rows = Iterator[dict[str, Any]]
# What one answer holds of each kind; `manage.py export_user` has no limit.
MAX_EXPORTED: Final = 1000
_ACCOUNT: Final = (
    "id",
    "email",
    "name",
    "role",
    "language",
    "timezone",
    "email_enabled",
    "push_enabled",
    "is_active",
    "created_at",
    "updated_at",
    "last_login",
)
_DEVICE: Final = ("id", "token", "platform", "created_at", "last_seen_at")
_SESSION: Final = ("id", "created_at", "expires_at", "revoked_at")


def export_user(*, caller: Principal, user_id: UUID) -> dict[str, Any]:
    """Return what is kept about a user, for itself or an admin; NotFound for others.

    `is_complete` is false where there is more of something than one answer holds.
    """
    if not (caller.is_user(user_id) or caller.can("admin")):
        raise NotFound("no such user")
    user = find_user(caller=caller, user_id=user_id)
    kept = list_kept(user, by_address=caller.can("admin"))
    lists = {name: list(islice(rows, MAX_EXPORTED + 1)) for name, rows in kept.items()}
    return {
        "account": describe_account(user),
        "is_complete": all(len(rows) <= MAX_EXPORTED for rows in lists.values()),
        **{name: rows[:MAX_EXPORTED] for name, rows in lists.items()},
    }


def describe_account(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in _ACCOUNT}


def list_kept(user: User, *, by_address: bool) -> dict[str, Rows]:
    """Return the lists of what is kept besides the account, each newest first.

    For `by_address` see `describe_person`.
    """
    return {
        "devices": user.devices.values(*_DEVICE).iterator(),
        "sessions": user.sessions.values(*_SESSION).iterator(),
        **export_everywhere(describe_person(user, by_address=by_address)),
    }
