"""The audit log: who changed what, when, from where.

Entries are written inside the transaction of the change, so that there is neither a change
without its entry nor an entry without its change. They hold ids and the values of settings, never
secrets, contact data or content. What may not be shown is named, without its values.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from notifier.audit_actor import Actor, current_actor
from notifier.audit_entry import AuditEntry
from notifier.correlation import current_correlation_id

Changes = Mapping[str, Mapping[str, Any]]


def record_change(
    *,
    action: str,
    object_type: str,
    object_id: object = "",
    organization_id: UUID | None = None,
    changes: Changes | None = None,
    actor: Actor | None = None,
) -> None:
    """Write one entry; call it in the transaction that makes the change.

    `action` is `object.verb` (`user.changed`). The organization is the actor's, and the actor
    whoever is at work, unless they are given. `changes`: see `describe_changes`.
    """
    record_change_of_each(
        action=action,
        object_type=object_type,
        objects=[(object_id, organization_id)],
        changes=changes,
        actor=actor,
    )


def record_change_of_each(
    *,
    action: str,
    object_type: str,
    objects: Iterable[tuple[object, UUID | None]],
    changes: Changes | None = None,
    actor: Actor | None = None,
) -> None:
    """Write one entry for each object and its organization, as `record_change` does."""
    who = actor or current_actor()
    entries = [
        AuditEntry(
            organization_id=organization_id or who.organization_id,
            actor_kind=who.kind,
            actor_id=who.id,
            address=who.address,
            correlation_id=current_correlation_id(),
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            changes=changes or {},
        )
        for object_id, organization_id in objects
    ]
    AuditEntry.objects.bulk_create(entries, batch_size=1000)


def describe_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], *, shown: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return what differs: old and new values of the fields in `shown`, only names of others."""
    changed = [name for name, value in after.items() if before.get(name) != value]
    return {
        name: {"old": before.get(name), "new": after[name]} if name in shown else {}
        for name in changed
    }


def describe_new(**values: Any) -> dict[str, dict[str, Any]]:
    """Return the values that something began with; name only what may be shown."""
    return {name: {"new": value} for name, value in values.items()}


def purge_audit_log(*, before: datetime) -> int:
    """Delete entries that are older; the database refuses to delete any of the last 30 days."""
    deleted, _ = AuditEntry.objects.filter(at__lt=before).delete()
    return deleted
