"""Statements that PostgreSQL plans once for each connection and that only carry values afterwards.

Django's own statements are put together in the client, planned anew each time, and preceded by a
test of the connection once per request: on the busiest routes that costs as much as the work.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection

from notifier.faults import DATABASE_AWAY


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

    The connection may be dead already: nothing looks at it before.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(sql.encode(), parameters, prepare=True)
        return cursor.fetchall()


def drop_lost_connection() -> bool:
    """Let go of this thread's connection if it is lost, so that the next statement opens another.

    False for one that works, and for one inside a transaction, which is lost with it.
    """
    raw = connection.connection
    if connection.in_atomic_block or (raw is not None and not raw.closed):
        return False
    connection.close()
    return True
