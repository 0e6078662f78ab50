"""What the ledger lets go of with time: first what was sent, later the whole row.

Dead letters that wait for a person are kept whole: a replay needs what they were to say.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.notifications.models.change import EVENTS, TABLE
from apps.notifications.models.notification import FINAL_STATUSES
from notifier.sql import (
    among_sql,
    as_uuid,
    encode_ids,
    ids_sql,
    is_postgresql,
    run,
    skip_locked_sql,
)

BATCH: Final = 1000
_MILLISECOND_BITS: Final = 80  # a UUIDv7 starts with its 48 bits of milliseconds, RFC 9562, 5.7
_FINAL: Final = ", ".join(f"'{status}'" for status in sorted(FINAL_STATUSES))
_OVER: Final = f"status IN ({_FINAL}) AND NOT (status = 'failed' AND discarded_at IS NULL)"
_FULL: Final = "(variables <> '{}' OR metadata <> '{}' OR content IS NOT NULL)"


def clear_contents(*, before: datetime) -> int:
    """Empty content, variables and metadata of what was over by then; return how many rows.

    In batches, by the index of the ids, which sort by the time of the accept.
    """
    cleared, last = 0, UUID(int=0)
    while batch := _clear_batch(before, after=last):
        cleared, last = cleared + len(batch), max(batch)
    return cleared


def delete_rows(*, before: datetime) -> int:
    """Delete what was over by then, with its timeline and receipts; return how many rows."""
    deleted = 0
    while batch := _delete_batch(before):
        deleted += batch
    return deleted


def _clear_batch(before: datetime, *, after: UUID) -> list[UUID]:
    over = (
        f"{_select_over()} AND {_FULL} AND id > %s ORDER BY id LIMIT {BATCH} {skip_locked_sql()}"
    )
    rows = run(
        f"UPDATE {TABLE} AS n SET content = NULL, variables = '{{}}', metadata = '{{}}'"
        f" WHERE {among_sql('n.id', over)} RETURNING {'n.id' if is_postgresql() else 'id'}",
        [*_bounds(before), _encode(after)],
    )
    return [as_uuid(row[0]) for row in rows]


def _delete_batch(before: datetime) -> int:
    with transaction.atomic():
        over = f"{_select_over()} ORDER BY id LIMIT {BATCH} {skip_locked_sql()}"
        ids = encode_ids([as_uuid(row[0]) for row in run(over, _bounds(before))])
        for table in (EVENTS, "notifications_receipt"):
            run(f"DELETE FROM {table} WHERE notification_id IN ({ids_sql()})", [ids])
        deleted = run(f"DELETE FROM {TABLE} WHERE id IN ({ids_sql()}) RETURNING id", [ids])
    return len(deleted)


def _select_over() -> str:
    return f"SELECT id FROM {TABLE} WHERE id < %s AND finished_at < %s AND {_OVER}"


def _bounds(before: datetime) -> list[Any]:
    # SQLite compares times as the text that it stores.
    return [_encode(_earliest_id(before)), connection.ops.adapt_datetimefield_value(before)]


def _earliest_id(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << _MILLISECOND_BITS)


def _encode(id_: UUID) -> Any:
    return id_ if is_postgresql() else id_.hex
