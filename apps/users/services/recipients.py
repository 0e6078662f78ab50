"""What an accept needs to know of a user, remembered with the proof that it is still so."""

from dataclasses import dataclass
from uuid import UUID

from apps.users.models import User
from notifier.encrypted_fields import sealed_columns
from notifier.facts import Fact, Known, Memory, Question

MOST_RECIPIENTS = 20_000  # some 20 MB

# The address is compared as it is sealed: every change of it seals it anew.
_LIVING_USER = Question(
    columns={
        "u.email": "text",
        "u.email_key": "text",
        "u.language": "text",
        "u.is_active": "boolean",
        "u.email_enabled": "boolean",
        "u.push_enabled": "boolean",
        "EXISTS (SELECT FROM users_device AS d WHERE d.user_id = u.id)": "boolean",
    },
    source=(
        "users_user AS u WHERE u.id = %s::uuid"
        " AND u.organization_id IS NOT DISTINCT FROM %s::uuid AND u.erased_at IS NULL"
    ),
)
_EMAIL = sealed_columns(User)["email"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """As much of a user as decides what becomes of a notification: nothing that is not proven."""

    pk: UUID
    email: str
    email_key: str
    language: str
    is_active: bool
    email_enabled: bool
    push_enabled: bool
    has_device: bool

    def wants(self, channel: str) -> bool:
        return self.email_enabled if channel == "email" else self.push_enabled


_recipients: Memory[Known[Recipient]] = Memory("user", most=MOST_RECIPIENTS)


def recall_recipient(*, organization_id: UUID, user_id: UUID) -> Known[Recipient] | None:
    """Return a user of the organization, not proven yet; None where there is none."""
    key = (organization_id, user_id)
    known = _recipients.recall(key)
    if known is None:
        fact = _LIVING_USER.ask(user_id, organization_id)
        if fact is None:
            return None
        known = Known(
            value=_read_recipient(user_id, fact),
            fact=fact,
            forget=lambda: _recipients.forget(key),
        )
        _recipients.keep(key, known)
    return known


def _read_recipient(user_id: UUID, fact: Fact) -> Recipient:
    sealed, index, language, is_active, wants_email, wants_push, has_device = fact.values
    return Recipient(
        pk=user_id,
        email=_EMAIL.open_stored(sealed).decode(),
        email_key=index,
        language=language,
        is_active=is_active,
        email_enabled=wants_email,
        push_enabled=wants_push,
        has_device=has_device,
    )
