"""What receipts change: sent → delivered, bounced or failed; everything else is an event."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.notifications.models.change import TABLE, apply_change, log_event
from notifier.sql import (
    as_uuid,
    encode_ids,
    encode_rows,
    ids_sql,
    is_postgresql,
    json_rows_sql,
    now_sql,
    run,
    skip_locked_sql,
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


def apply_receipts(ids: Sequence[int]) -> list[UUID]:
    """Apply stored receipts, each once and in any order; return the notifications concerned.

    No status moves backwards: what does not fit the present one is left in the timeline alone. A
    receipt that is faster than its own outcome (the row is still `sending`) waits for it.
    """
    with transaction.atomic():
        rows = [_as_row(values) for values in _take_unapplied(ids)]
        applied = [row for row in rows if _apply(row)]
        run(
            f"UPDATE notifications_receipt SET applied_at = {now_sql()}"
            f" WHERE id IN ({ids_sql('bigint')})",
            [encode_ids([row["receipt_id"] for row in applied])],
        )
    return [row["id"] for row in applied]


def _take_unapplied(ids: Sequence[int]) -> list[tuple[Any, ...]]:
    return run(
        "SELECT id, notification_id, kind, error_code, error, source, occurred_at"
        f" FROM notifications_receipt WHERE id IN ({ids_sql('bigint')}) AND applied_at IS NULL"
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
    if apply_change(update, [encode_rows([row])]):
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
        f"SELECT status FROM {TABLE} WHERE id IN ({ids_sql()}) {lock}",
        [encode_ids([notification_id])],
    )
    return status == [("sending",)]
