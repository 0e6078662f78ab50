"""What the audit log is told of accounts, sessions and sign-ins."""

from dataclasses import replace
from uuid import UUID

from apps.users.models import Device, User
from notifier.audit import Changes, record_change
from notifier.audit_actor import Actor, current_actor

# Of other fields only the name is recorded: they are personal, or secret.
SHOWN_OF_USER = frozenset(
    {"role", "is_active", "is_staff", "is_superuser", "email_enabled", "push_enabled"}
)


def record_user_change(
    *, user_id: UUID, organization_id: UUID, verb: str, changes: Changes | None = None
) -> None:
    record_change(
        action=f"user.{verb}",
        object_type="user",
        object_id=user_id,
        organization_id=organization_id,
        changes=changes,
    )


def record_device_change(*, device: Device, verb: str, changes: Changes) -> None:
    """Record what became of a device: whose it is, never its token."""
    record_change(
        action=f"device.{verb}",
        object_type="device",
        object_id=device.pk,
        organization_id=device.organization_id,
        changes=changes,
    )


def record_session_change(
    *, session_id: UUID, user_id: UUID, organization_id: UUID, verb: str
) -> None:
    """Record what became of a session: it is its user's doing, who has no other proof yet."""
    record_change(
        action=f"session.{verb}",
        object_type="session",
        object_id=session_id,
        organization_id=organization_id,
        actor=_acting_user(user_id, organization_id),
    )


def record_refused_sign_in(*, user: User | None, reason: str) -> None:
    """Record an attempt with wrong credentials; what was typed is not kept."""
    record_change(
        action="sign_in.refused",
        object_type="user",
        object_id=user.pk if user else "",
        organization_id=user.organization_id if user else None,
        changes={"reason": {"new": reason}},
    )


def _acting_user(user_id: UUID, organization_id: UUID) -> Actor:
    return replace(current_actor(), kind="user", id=str(user_id), organization_id=organization_id)
