"""What receipts change: sent → delivered, bounced or failed; everything else is an event."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.notifications.models.change import TABLE, apply_change, log_event
from apps.notifications.models.measuring import COUNTED, measure_outcomes
from apps.notifications.models.notification import Channel, Notification
from apps.notifications.models.suppression import SCOPE_OF_CAUSE, Cause, Suppression
from apps.users.models import email_key
from notifier.encryption import Undecryptable
from notifier.sql import (
    as_uuid,
    encode_ids,
    encode_rows,
    is_postgresql,
    json_rows_sql,
    now_sql,
    run,
    skip_locked_sql,
    with_ids_sql,
)

_COLUMNS = {
    "receipt_id": "bigint",
    "id": "uuid",
    "kind": "text",
    "error_code": "text",
    "error": "text",
    "detail": "jsonb",
}
# In doubt, and the receipt proves that the provider took it: nothing is left to repeat.
_PROVEN = "(n.doubts > 0 AND n.status IN ('pending', 'queued', 'failed'))"
_MOVES = (
    f"(r.kind = 'delivered' AND (n.status = 'sent' OR {_PROVEN}))"
    f" OR (r.kind = 'bounced' AND (n.status IN ('sent', 'delivered') OR {_PROVEN}))"
    " OR (r.kind = 'failed' AND n.status = 'sent')"
)

# What providers/bounces.py calls a bounce that will not pass; a full mailbox has another code.
_CAUSE_OF_BOUNCE = {
    "bounced": Cause.HARD_BOUNCE,
    "invalid": Cause.HARD_BOUNCE,
    "unsubscribed": Cause.UNSUBSCRIBE,
}


def apply_receipts(ids: Sequence[int]) -> list[UUID]:
    """Apply stored receipts, each once and in any order; return the notifications concerned.

    No status moves backwards: what does not fit the present one is left in the timeline alone. A
    receipt that is faster than its own outcome (the row is still `sending`) waits for it.
    """
    with transaction.atomic():
        rows = [_as_row(values) for values in _take_unapplied(ids)]
        applied = [row for row in rows if _apply(row)]
        _suppress_reported(applied)
        run(
            f"UPDATE notifications_receipt SET applied_at = {now_sql()}"
            f" WHERE {with_ids_sql('id', 'bigint')}",
            [encode_ids([row["receipt_id"] for row in applied])],
        )
    return [row["id"] for row in applied]


def _suppress_reported(rows: Sequence[Mapping[str, Any]]) -> None:
    """Put the addresses of hard bounces, complaints and unsubscriptions on the list.

    The address is the one that the notification was accepted for: a report about it never
    suppresses another one. What test keys sent suppresses nobody.
    """
    causes = {(row["id"], cause): row for row in rows if (cause := _cause_of(row))}
    found = _load_addressed({notification_id for notification_id, _ in causes})
    entries = [
        _describe_suppression(found[notification_id], cause, row)
        for (notification_id, cause), row in causes.items()
        if notification_id in found and _may_suppress(found[notification_id])
    ]
    # In one order for everybody: two workers with the same addresses must not wait for each other.
    entries.sort(key=lambda entry: (entry.organization_id, entry.address_index, entry.cause))
    Suppression.objects.bulk_create(entries, ignore_conflicts=True)


def _load_addressed(ids: Collection[UUID]) -> dict[UUID, Notification]:
    rows = Notification.objects.only(
        "organization_id", "channel", "mode", "recipient", "recipient_index"
    )
    try:
        return rows.in_bulk(list(ids))
    except Undecryptable:  # logged where it was raised; one such row must not stop the others
        return {row.pk: row for row in rows.defer("recipient").filter(pk__in=ids)}


def _may_suppress(notification: Notification) -> bool:
    return bool(notification.recipient_index) and notification.mode == "live"


def _read_address(notification: Notification) -> str:
    """Return the address, or "" when no key opens it: the index alone is what suppresses."""
    try:
        recipient = notification.recipient
    except Undecryptable:
        return ""
    return email_key(recipient) if notification.channel == Channel.EMAIL else recipient


def _cause_of(row: Mapping[str, Any]) -> Cause | None:
    if row["kind"] == "bounced":
        return _CAUSE_OF_BOUNCE.get(row["error_code"])
    return {"complained": Cause.COMPLAINT, "unsubscribed": Cause.UNSUBSCRIBE}.get(row["kind"])


def _describe_suppression(
    notification: Notification, cause: Cause, row: Mapping[str, Any]
) -> Suppression:
    return Suppression(
        organization_id=notification.organization_id,
        channel=notification.channel,
        address=_read_address(notification),
        address_index=notification.recipient_index,
        cause=cause,
        scope=SCOPE_OF_CAUSE[cause],
        source=row["detail"]["source"],
        note=f"notification {notification.pk}",
    )


def _take_unapplied(ids: Sequence[int]) -> list[tuple[Any, ...]]:
    return run(
        "SELECT id, notification_id, kind, error_code, error, source, occurred_at"
        f" FROM notifications_receipt WHERE {with_ids_sql('id', 'bigint')} AND applied_at IS NULL"
        f" ORDER BY id {skip_locked_sql()}",
        [encode_ids(ids)],
    )


def _as_row(values: tuple[Any, ...]) -> dict[str, Any]:
    receipt_id, notification_id, kind, error_code, error, source, occurred_at = values
    return {
        "receipt_id": receipt_id,
        "id": as_uuid(notification_id),
        "kind": kind,
        "error_code": error_code,
        "error": error,
        "detail": {"source": source, "occurred_at": str(occurred_at) if occurred_at else None},
    }


def _apply(row: Mapping[str, Any]) -> bool:
    """Move the notification or note the event; False when its turn has not come."""
    update = (
        f"UPDATE {TABLE} AS n SET status = r.kind, reason = 'receipt', error_code = r.error_code,"
        " error = r.error, detail = r.detail, lease_until = NULL,"
        f" sent_at = COALESCE(n.sent_at, {now_sql()}), dead_lettered_at = NULL,"
        f" finished_at = COALESCE(n.finished_at, {now_sql()})"
        f" FROM {json_rows_sql(_COLUMNS)} AS r WHERE n.id = r.id AND ({_MOVES})"
    )
    if row["kind"] in ("delivered", "bounced", "failed") and _is_being_sent(row["id"]):
        return False
    if measure_outcomes(apply_change(update, [encode_rows([row])], returning=COUNTED)):
        return True
    log_event(
        row["id"],
        status=row["kind"],
        reason="receipt",
        error_code=row["error_code"],
        error=row["error"],
        detail=row["detail"],
    )
    return True


def _is_being_sent(notification_id: UUID) -> bool:
    """Look, and keep the row until the end of the transaction: its outcome may be arriving."""
    lock = "FOR UPDATE" if is_postgresql() else ""
    status = run(
        f"SELECT status FROM {TABLE} WHERE {with_ids_sql('id')} {lock}",
        [encode_ids([notification_id])],
    )
    return status == [("sending",)]
