"""Accept: into the ledger; and back, when the broker did not take a message."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.notifications.models.change import TABLE, apply_change, as_datetime
from apps.notifications.models.notification import Notification
from notifier.encrypted_fields import sealed_columns
from notifier.sql import (
    as_uuid,
    encode_ids,
    encode_rows,
    ids_sql,
    json_rows_sql,
    now_sql,
)

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
    "recipient_index": "text",
    "platform": "text",
    "template_version_id": "uuid",
    "template_code": "text",
    "language": "text",
    "content": "text",
    "variables": "text",
    "metadata": "text",
    "delivery_guarantee": "text",
    "status": "text",
    "reason": "text",
    "due_at": "timestamptz",
    "expires_at": "timestamptz",
}


_SEALED = sealed_columns(Notification)


def insert_accepted(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, datetime]:
    """Store new notifications (column → value) with their first event, and wake the relay.

    Returns ids and creation times of those stored; a row whose `request_id` its organization
    has already used is left out, decided by the unique constraint alone. What is private is sealed
    here, so that the statement carries nothing readable.
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
    stored = apply_change(
        insert,
        [encode_rows([_seal_row(row) for row in rows])],
        returning="id, created_at",
        wakes=True,
    )
    return {as_uuid(row[0]): as_datetime(row[1]) for row in stored}


def return_unpublished(ids: Sequence[UUID], *, reason: str = "broker_unavailable") -> None:
    """Move queued → pending: the broker did not confirm the message, or nobody will claim it."""
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = %s,"
        f" lease_until = NULL WHERE n.id IN ({ids_sql()}) AND n.status = 'queued'"
    )
    apply_change(update, [reason, encode_ids(ids)], wakes=True)


def _seal_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row as it is stored; None is NULL in every column."""
    sealed = {
        name: field.to_stored(row[name])
        for name, field in _SEALED.items()
        if row[name] is not None
    }
    return {**row, **sealed}


def _new_value(name: str) -> str:
    return f"COALESCE(r.due_at, {now_sql()})" if name == "due_at" else f"r.{name}"
