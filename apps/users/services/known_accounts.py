"""Accounts as they are shown, remembered with the proof that they are still so."""

from uuid import UUID

from apps.users.models import User
from apps.users.services.finding import may_see
from notifier.authentication import Principal
from notifier.encrypted_fields import sealed_columns
from notifier.facts import Fact, Known, Memory, Question

MOST_ACCOUNTS = 10_000  # some 20 MB

_SHOWN = {
    "id": "uuid",
    "organization_id": "uuid",
    "email": "text",
    "name": "text",
    "role": "text",
    "language": "text",
    "timezone": "text",
    "email_enabled": "boolean",
    "push_enabled": "boolean",
    "is_active": "boolean",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
_LIVING = Question(
    columns={f"u.{name}": kind for name, kind in _SHOWN.items()},
    source=(
        "users_user AS u WHERE u.id = %s::uuid"
        " AND u.organization_id IS NOT DISTINCT FROM %s::uuid AND u.erased_at IS NULL"
    ),
)
_SEALED = sealed_columns(User)
_accounts: Memory[Known[User]] = Memory("account", most=MOST_ACCOUNTS)


def recall_account(*, caller: Principal, user_id: UUID) -> Known[User] | None:
    """Return a user that the caller may see, not proven yet; None where there is none."""
    if not may_see(caller, user_id):
        return None
    key = (caller.organization_id, user_id)
    known = _accounts.recall(key)
    if known is None:
        fact = _LIVING.ask(user_id, caller.organization_id)
        if fact is None:
            return None
        known = Known(value=_read_account(fact), fact=fact, forget=lambda: _accounts.forget(key))
        _accounts.keep(key, known)
    return known


def _read_account(fact: Fact) -> User:
    values = dict(zip(_SHOWN, fact.values, strict=True))
    opened = {name: _SEALED[name].open_stored(values[name]).decode() for name in ("email", "name")}
    return User(**values | opened)
