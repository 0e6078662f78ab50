"""What the ledger lets go of with time: first what was sent, later the whole row.

Dead letters that wait for a person are kept whole: a replay needs what they were to say.
"""

from collections.abc import Iterator
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
    is_postgresql,
    run,
    skip_locked_sql,
    with_ids_sql,
)

# Ids that one statement looks at: few enough that it ends in time if all of them are to go.
PAGE: Final = 2000
_MILLISECOND_BITS: Final = 80  # a UUIDv7 starts with its 48 bits of milliseconds, RFC 9562, 5.7
_FINAL: Final = ", ".join(f"'{status}'" for status in sorted(FINAL_STATUSES))
_OVER: Final = f"status IN ({_FINAL}) AND NOT (status = 'failed' AND discarded_at IS NULL)"
_FULL: Final = "(variables <> '{}' OR metadata <> '{}' OR content IS NOT NULL)"


def clear_contents(*, before: datetime, accepted_after: datetime | None = None) -> int:
    """Empty content, variables and metadata of what was over by then; return how many rows.

    With `accepted_after` only of what was accepted since: the rest was looked at before.
    """
    first = UUID(int=0) if accepted_after is None else _earliest_id(accepted_after)
    return sum(_clear_among(page, before) for page in _pages(first, before))


def delete_rows(*, before: datetime) -> int:
    """Delete what was over by then, with its timeline and receipts; return how many rows."""
    return sum(_delete_among(page, before) for page in _pages(UUID(int=0), before))


def _pages(first: UUID, before: datetime) -> Iterator[list[UUID]]:
    """Yield the ids of what was accepted by then, by their index and whatever their rows hold.

    No statement reads more than a page, however much of the ledger is to be left as it is.
    """
    seen, bound = first, _encode(_earliest_id(before))
    page = f"SELECT id FROM {TABLE} WHERE id > %s AND id < %s ORDER BY id LIMIT {PAGE}"
    while rows := run(page, [_encode(seen), bound]):
        ids = [as_uuid(row[0]) for row in rows]
        yield ids
        seen = ids[-1]


def _clear_among(ids: list[UUID], before: datetime) -> int:
    over = f"{_select_over()} AND {_FULL} {skip_locked_sql()}"
    rows = run(
        f"UPDATE {TABLE} AS n SET content = NULL, variables = '{{}}', metadata = '{{}}'"
        f" WHERE {among_sql('n.id', over)} RETURNING {'n.id' if is_postgresql() else 'id'}",
        _bounds(ids, before),
    )
    return len(rows)


def _delete_among(page: list[UUID], before: datetime) -> int:
    with transaction.atomic():
        over = f"{_select_over()} {skip_locked_sql()}"
        ids = encode_ids([as_uuid(row[0]) for row in run(over, _bounds(page, before))])
        for table in (EVENTS, "notifications_receipt"):
            run(f"DELETE FROM {table} WHERE {with_ids_sql('notification_id')}", [ids])
        deleted = run(f"DELETE FROM {TABLE} WHERE {with_ids_sql('id')} RETURNING id", [ids])
    return len(deleted)


def _select_over() -> str:
    return f"SELECT id FROM {TABLE} WHERE {with_ids_sql('id')} AND finished_at < %s AND {_OVER}"


def _bounds(ids: list[UUID], before: datetime) -> list[Any]:
    # SQLite compares times as the text that it stores.
    return [encode_ids(ids), connection.ops.adapt_datetimefield_value(before)]


def _earliest_id(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << _MILLISECOND_BITS)


def _encode(id_: UUID) -> Any:
    return id_ if is_postgresql() else id_.hex
