"""Accept: into the ledger; and back, when the broker did not take a message."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.notifications.models.change import TABLE, apply_change, as_datetime
from apps.notifications.models.measuring import measure_accepted
from apps.notifications.models.notification import Notification
from notifier.encrypted_fields import sealed_columns
from notifier.sql import (
    as_uuid,
    encode_ids,
    encode_rows,
    json_rows_sql,
    now_sql,
    unindexed_sql,
    with_ids_sql,
)

NEW_COLUMNS = {
    "id": "uuid",
    "organization_id": "uuid",
    "batch_id": "uuid",
    "channel": "text",
    "mode": "text",
    "priority": "smallint",
    "correlation_id": "text",
    "traceparent": "text",
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


SEALED = sealed_columns(Notification)


def insert_accepted(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, datetime]:
    """Store new notifications (column → value) with their first event, and wake the relay.

    Returns ids and creation times of those stored; a row whose `request_id` its organization
    has already used is left out, decided by the unique constraint alone. What is private is sealed
    here, so that the statement carries nothing readable.
    """
    source = f"{json_rows_sql(NEW_COLUMNS)} AS r"
    stored = apply_change(
        insert_sql(source=source),
        [encode_rows([seal_row(row) for row in rows])],
        returning="id, created_at",
        wakes=True,
    )
    created = {as_uuid(row[0]): as_datetime(row[1]) for row in stored}
    measure_accepted(row for row in rows if row["id"] in created)
    return created


def insert_sql(*, source: str, shared: Collection[str] = ()) -> str:
    """SQL that stores the rows of `source AS r`, and leaves out those that are there.

    Columns in `shared` are no columns of the source: each is one parameter, in their order in
    NEW_COLUMNS, before those of the source.
    """
    columns = ", ".join(NEW_COLUMNS)
    values = {name: _given(name, is_shared=name in shared) for name in NEW_COLUMNS}
    return (
        f"INSERT INTO {TABLE} AS n ({columns}, created_at, finished_at, attempts, retries, doubts,"
        " fence, provider, provider_message_id, error_code, error, detail, reached_devices)"
        f" SELECT {', '.join(_or_default(name, given) for name, given in values.items())},"
        f" {now_sql()}, CASE WHEN r.status = 'pending' THEN NULL ELSE {now_sql()} END,"
        " 0, 0, 0, 0, '', '', '', '', '{}', '[]'"
        f" FROM {source} WHERE true ON CONFLICT DO NOTHING"
    )


def return_unpublished(ids: Sequence[UUID], *, reason: str = "broker_unavailable") -> None:
    """Move queued → pending: the broker did not confirm the message, or nobody will claim it."""
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = %s,"
        f" lease_until = NULL WHERE {with_ids_sql('n.id')}"
        f" AND {unindexed_sql('n.status')} = 'queued'"
    )
    apply_change(update, [reason, encode_ids(ids)], wakes=True)


def seal_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row as it is stored; None is NULL in every column."""
    sealed = {
        name: field.to_stored(row[name]) for name, field in SEALED.items() if row[name] is not None
    }
    return {**row, **sealed}


def _given(name: str, *, is_shared: bool) -> str:
    return f"%s::{NEW_COLUMNS[name]}" if is_shared else f"r.{name}"


def _or_default(name: str, given: str) -> str:
    defaults = {"due_at": now_sql(), "traceparent": "''"}
    return f"COALESCE({given}, {defaults[name]})" if name in defaults else given
