"""What people and receipts change: cancel, replay, discard, delivered and bounced."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.notifications.models.change import TABLE, apply_change, log_event
from notifier.sql import as_uuid, encode_ids, encode_rows, ids_sql, json_rows_sql, now_sql, run

_RECEIPT_COLUMNS = {
    "id": "uuid",
    "kind": "text",
    "error_code": "text",
    "error": "text",
    "source": "text",
}


def cancel_pending(notification_id: UUID) -> bool:
    """Move pending → cancelled; False from any other state."""
    update = (
        f"UPDATE {TABLE} AS n SET status = 'cancelled', reason = 'requested',"
        f" finished_at = {now_sql()} WHERE n.id IN ({ids_sql()}) AND n.status = 'pending'"
    )
    return bool(apply_change(update, [encode_ids([notification_id])]))


def replay_failed(ids: Sequence[UUID]) -> list[UUID]:
    """Move failed → pending, with a fresh count of retries; returns the ids that were changed."""
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = 'replay', retries = 0, doubts = 0,"
        " error_code = '', error = '', provider = '', detail = '{}', dead_lettered_at = NULL,"
        f" discarded_at = NULL, finished_at = NULL, expires_at = NULL, due_at = {now_sql()}"
        f" WHERE n.id IN ({ids_sql()}) AND n.status = 'failed'"
    )
    return [as_uuid(row[0]) for row in apply_change(update, [encode_ids(ids)], wakes=True)]


def discard_failed(ids: Sequence[UUID], *, explanation: str) -> list[UUID]:
    """Take failed notifications out of the dead letters for good; they stay `failed`."""
    update = (
        f"UPDATE {TABLE} AS n SET reason = 'discarded', detail = %s, discarded_at = {now_sql()}"
        f" WHERE n.id IN ({ids_sql()}) AND n.status = 'failed' AND n.discarded_at IS NULL"
    )
    detail = encode_rows([{"explanation": explanation}])[1:-1]
    return [as_uuid(row[0]) for row in apply_change(update, [detail, encode_ids(ids)])]


def apply_receipts(ids: Sequence[int]) -> list[UUID]:
    """Apply stored receipts: sent → delivered | bounced; anything else is an event alone.

    Repeated and late receipts move no status backwards: each is applied once (`applied_at`), and
    only `sent` moves on; `delivered` still gives way to a bounce that the provider learned later.
    """
    with transaction.atomic():
        fresh = run(
            f"UPDATE notifications_receipt SET applied_at = {now_sql()}"
            f" WHERE id IN ({ids_sql('bigint')}) AND applied_at IS NULL"
            " RETURNING notification_id, kind, error_code, error, source",
            [encode_ids(ids)],
        )
        rows = [dict(zip(_RECEIPT_COLUMNS, row, strict=True)) for row in fresh]
        for row in rows:
            row["id"] = as_uuid(row["id"])
        _move_by_receipts(rows)
    return [row["id"] for row in rows]


def _move_by_receipts(rows: Sequence[Mapping[str, Any]]) -> None:
    update = (
        f"UPDATE {TABLE} AS n SET status = r.kind, reason = 'receipt', error_code = r.error_code,"
        f" error = r.error FROM {json_rows_sql(_RECEIPT_COLUMNS)} AS r WHERE n.id = r.id"
        " AND ((r.kind = 'delivered' AND n.status = 'sent')"
        " OR (r.kind = 'bounced' AND n.status IN ('sent', 'delivered')))"
    )
    # One at a time: two receipts for one notification in one statement would apply only one.
    for row in rows:
        if not apply_change(update, [encode_rows([row])]):
            log_event(row["id"], status=row["kind"], reason="receipt", error=row["error"])
