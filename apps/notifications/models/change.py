"""The one way in which a notification's row changes: an UPDATE and its timeline event together.

On PostgreSQL both are one statement; on SQLite one short transaction.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from notifier.prepared import close_if_gone, number_places, run_prepared
from notifier.sql import (
    CHANNEL_OF_WAKEUPS,
    as_uuid,
    encode_ids,
    ids_sql,
    is_postgresql,
    now_sql,
    run,
)
from notifier.wakeup import wake_relay

TABLE = "notifications_notification"
EVENTS = "notifications_notificationevent"
_EVENT_COLUMNS = (
    "notification_id, at, status, attempt, provider, error_code, error, reason, due_at, detail"
)


def apply_change(
    statement: str,
    parameters: Sequence[Any] | Mapping[str, Any],
    *,
    returning: str = "id",
    wakes: bool = False,
) -> list[tuple[Any, ...]]:
    """Run a change, write an event for every row it changed, and return those rows."""
    if is_postgresql():
        sql = change_sql(statement, returning=returning, wakes=wakes)
        return (
            run(sql, parameters) if isinstance(parameters, Mapping) else run_often(sql, parameters)
        )
    with transaction.atomic():
        rows = run(f"{statement} RETURNING {returning}", parameters)
        run(
            f"INSERT INTO {EVENTS} ({_EVENT_COLUMNS}) SELECT {_event_values()} FROM {TABLE}"
            f" WHERE id IN ({ids_sql()})",
            [encode_ids([as_uuid(row[0]) for row in rows])],
        )
    if wakes and rows:
        transaction.on_commit(wake_relay)
    return rows


def change_sql(statement: str, *, returning: str, wakes: bool) -> str:
    """SQL of a change with its events, in one statement (PostgreSQL)."""
    woken = f", pg_notify('{CHANNEL_OF_WAKEUPS}', '')" if wakes else ""
    return (
        f"WITH changed AS ({statement} RETURNING n.*),"
        f" logged AS (INSERT INTO {EVENTS} ({_EVENT_COLUMNS})"
        f" SELECT {_event_values()} FROM changed) SELECT {returning}{woken} FROM changed"
    )


def _event_values() -> str:
    return (
        f"id, {now_sql()}, status, attempts, provider, error_code, error, reason,"
        " CASE WHEN status = 'pending' THEN due_at END, detail"
    )


def log_event(
    notification_id: UUID,
    *,
    status: str,
    reason: str = "",
    error_code: str = "",
    error: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about something that did not change the row."""
    run(
        f"INSERT INTO {EVENTS} ({_EVENT_COLUMNS})"
        f" SELECT id, {now_sql()}, %s, attempts, provider, %s, %s, %s, NULL, %s FROM {TABLE}"
        f" WHERE id IN ({ids_sql()})",
        [
            status,
            error_code,
            error,
            reason,
            json.dumps(detail or {}),
            encode_ids([notification_id]),
        ],
    )


def run_often(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """As `run`, for statements that workers repeat all the time: PostgreSQL plans them once."""
    if not is_postgresql():
        return run(sql, parameters)
    close_if_gone()
    return run_prepared(number_places(sql), parameters)


def as_datetime(value: Any) -> datetime:
    """PostgreSQL gives datetimes, SQLite the text that it stores (UTC)."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromisoformat(f"{value}+00:00")
