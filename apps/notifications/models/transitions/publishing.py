"""Accept and relay: into the ledger, and out to the broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.notifications.models.change import TABLE, apply_change, as_datetime
from notifier.sql import (
    among_sql,
    as_uuid,
    encode_ids,
    encode_rows,
    ids_sql,
    json_rows_sql,
    now_sql,
    skip_locked_sql,
)

# How long a published message may stay unclaimed before the row is published again.
REPUBLISH_AFTER_SECONDS = 20

_NEW_COLUMNS = {
    "id": "uuid",
    "organization_id": "uuid",
    "batch_id": "uuid",
    "channel": "text",
    "mode": "text",
    "priority": "smallint",
    "correlation_id": "text",
    "request_id": "text",
    "request_digest": "text",
    "user_id": "uuid",
    "recipient": "text",
    "platform": "text",
    "template_version_id": "uuid",
    "template_code": "text",
    "language": "text",
    "content": "jsonb",
    "variables": "jsonb",
    "metadata": "jsonb",
    "delivery_guarantee": "text",
    "status": "text",
    "reason": "text",
    "due_at": "timestamptz",
    "expires_at": "timestamptz",
}


@dataclass(frozen=True, slots=True)
class DueNotification:
    """A notification that was just taken for publishing."""

    id: UUID
    priority: int
    due_at: datetime
    correlation_id: str
    # Sent in a message of its own: it must never be repeated because of a neighbour, or may be
    # what took its worker down before.
    travels_alone: bool = False


def insert_accepted(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, datetime]:
    """Store new notifications (column → value) with their first event, and wake the relay.

    Returns ids and creation times of those stored; a row whose `request_id` its organization
    has already used is left out, decided by the unique constraint alone.
    """
    columns = ", ".join(_NEW_COLUMNS)
    values = ", ".join(_new_value(name) for name in _NEW_COLUMNS)
    insert = (
        f"INSERT INTO {TABLE} AS n ({columns}, created_at, finished_at, attempts, retries, doubts,"
        " fence, provider, provider_message_id, error_code, error, detail, reached_devices)"
        f" SELECT {values}, {now_sql()},"
        f" CASE WHEN r.status = 'pending' THEN NULL ELSE {now_sql()} END,"
        " 0, 0, 0, 0, '', '', '', '', '{}', '[]'"
        f" FROM {json_rows_sql(_NEW_COLUMNS)} AS r WHERE true ON CONFLICT DO NOTHING"
    )
    stored = apply_change(insert, [encode_rows(rows)], returning="id, created_at", wakes=True)
    return {as_uuid(row[0]): as_datetime(row[1]) for row in stored}


def take_due(*, channel: str, limit: int) -> list[DueNotification]:
    """Move pending → queued, most urgent first: the caller publishes what is returned."""
    due = (
        f"SELECT id FROM {TABLE} WHERE status = 'pending' AND channel = %s"
        f" AND due_at <= {now_sql()} AND (expires_at IS NULL OR expires_at > {now_sql()})"
        f" ORDER BY priority DESC, due_at LIMIT %s {skip_locked_sql()}"
    )
    update = (
        f"UPDATE {TABLE} AS n SET status = 'queued', reason = '', error_code = '', error = '',"
        " provider = '', detail = '{}',"
        f" lease_until = {now_sql(plus=str(REPUBLISH_AFTER_SECONDS))}"
        f" WHERE {among_sql('n.id', due)}"
    )
    alone = "doubts > 0 OR delivery_guarantee = 'at_most_once'"
    rows = apply_change(
        update, [channel, limit], returning=f"id, priority, due_at, correlation_id, {alone}"
    )
    taken = [DueNotification(as_uuid(i), p, as_datetime(d), c, bool(a)) for i, p, d, c, a in rows]
    return sorted(taken, key=lambda row: (-row.priority, row.due_at, row.id))


def return_unpublished(ids: Sequence[UUID], *, reason: str = "broker_unavailable") -> None:
    """Move queued → pending: the broker did not confirm the message, or nobody will claim it."""
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = %s,"
        f" lease_until = NULL WHERE n.id IN ({ids_sql()}) AND n.status = 'queued'"
    )
    apply_change(update, [reason, encode_ids(ids)], wakes=True)


def _new_value(name: str) -> str:
    return f"COALESCE(r.due_at, {now_sql()})" if name == "due_at" else f"r.{name}"
