"""Statements that PostgreSQL plans once for each connection and that only carry values afterwards.

Django's own statements are put together in the client, planned anew each time, and preceded by a
test of the connection once per request: on the busiest routes that costs as much as the work.
"""

import select
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import NotSupportedError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.psycopg_any import get_adapters_template
from django.db.backends.signals import connection_created
from psycopg.adapt import AdaptersMap
from psycopg.types.datetime import TimestamptzLoader

from notifier.faults import DATABASE_AWAY

PLACE: Final = "%s"
_INDEXES_ALONE: Final = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
)
_NO_WAITING: Final = "SET synchronous_commit = off"


def keep_to_indexes() -> None:
    """Have this process' connections look rows up by indexes alone.

    For relay and workers, who name every row that they want. What PostgreSQL plans while a table
    is small would read all of it, and is kept until the table has been counted, long after it has
    grown: on a new installation that takes all of the time.
    """
    _begin_connections_with(_INDEXES_ALONE, uid="keep_to_indexes")


def commit_without_waiting() -> None:
    """Have this process' commits not wait for the disc.

    For the relay: what a server that crashes forgets of its work is done once more, and a
    worker's claim, which does wait, takes all before it to the disc.
    """
    _begin_connections_with(_NO_WAITING, uid="commit_without_waiting")


def _begin_connections_with(statement: str, *, uid: str) -> None:
    def execute(*, connection: BaseDatabaseWrapper, **_kwargs: object) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(statement)

    connection_created.connect(execute, weak=False, dispatch_uid=uid)


def read_prepared(sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """Execute a SELECT with parameters `$1`, `$2` … and return its rows.

    A kept connection may have died since it was used last: then it asks again over a new one.
    """
    try:
        return run_prepared(sql, parameters)
    except DATABASE_AWAY:
        if not drop_lost_connection():
            raise
    return run_prepared(sql, parameters)


def run_prepared(sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """Execute a statement once and return its rows; whether it was done is unknown after an error.

    The connection may be dead already: nothing looks at it before. Raises NotSupportedError, and
    closes the connection, in a transaction after a migration of what the statement reads.
    """
    is_alone = not connection.in_atomic_block
    try:
        return _run_once(sql, parameters)
    except NotSupportedError:
        # "cached plan must not change result type": not executed, and never again by that backend.
        connection.close()
        if not is_alone:
            raise
    return _run_once(sql, parameters)


def _run_once(sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    with connection.wrap_database_errors, _Cursor(connection.connection) as cursor:
        cursor.execute(sql.encode(), parameters, prepare=True)
        return cursor.fetchall()


class _Cursor(psycopg.RawCursor[tuple[Any, ...]]):
    """A cursor that reads as Django's do, but for times: those psycopg reads itself, in C."""

    @property
    def adapters(self) -> AdaptersMap:
        return _read_adapters()


@cache
def _read_adapters() -> AdaptersMap:
    adapters = AdaptersMap(get_adapters_template(settings.USE_TZ, connection.timezone))
    adapters.register_loader("timestamptz", TimestamptzLoader)
    return adapters


def close_if_gone() -> None:
    """Let go of this thread's connection if the server has closed it, without asking it anything.

    Whoever has nothing to read from a connection that nobody uses will find the end there.
    """
    raw = connection.connection
    if raw is not None and not connection.in_atomic_block and (raw.closed or _has_news(raw)):
        connection.close()


def _has_news(raw: Any) -> bool:
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def drop_lost_connection() -> bool:
    """Let go of this thread's connection if it is lost, so that the next statement opens another.

    False for one that works, and for one inside a transaction, which is lost with it.
    """
    raw = connection.connection
    if connection.in_atomic_block or (raw is not None and not raw.closed):
        return False
    connection.close()
    return True


@lru_cache(maxsize=200)
def number_places(sql: str) -> str:
    """Return SQL with `$1`, `$2` … in place of each `%s`."""
    first, *others = sql.split(PLACE)
    return first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))
