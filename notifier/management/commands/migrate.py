"""`manage.py migrate` that may run beside everything else: it makes nobody wait for long.

A statement that waits for a table's lock makes everybody wait who comes after it. So each waits
two seconds at most, then the migration begins again after a pause: a backup or a report that runs
for minutes delays the migration, and not the posts. Statements that lock nobody out may take long.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import DeadlockDetected, LockNotAvailable

LOCK_SECONDS: Final = 2
LIMITS: Final = f"SET lock_timeout = '{LOCK_SECONDS}s'; RESET statement_timeout"
PAUSE_SECONDS: Final = 3
TRIES: Final = 100  # more than eight minutes
IN_USE: Final = (LockNotAvailable, DeadlockDetected)
GENTLE: Final = ("CONCURRENTLY", "VALIDATE CONSTRAINT")
TURN: Final = 8_297_001  # any number that nobody else takes in this database
UNFINISHED: Final = """
    SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace
"""


class Command(DjangoCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        reads = options["check_unapplied"] or options["plan"]
        if reads or connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with _take_turn(connection), connection.execute_wrapper(_let_gentle_ones_take_long):
            _drop_unfinished_indexes(connection)
            self._migrate(*args, **options)

    def _migrate(self, *args: Any, **options: Any) -> None:
        for _ in range(TRIES):
            try:
                _limit_waits(connections[options["database"]])
                super().handle(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, IN_USE):
                    raise
                self.stderr.write("A table is in use; again in a moment.")
                time.sleep(PAUSE_SECONDS)
            else:
                return
        raise CommandError("a table was never free: what holds it? See pg_stat_activity")


@contextmanager
def _take_turn(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold the right to migrate this database; wait for it, without a transaction, if need be."""
    with connection.cursor() as cursor:
        while not _ask(cursor, f"SELECT pg_try_advisory_lock({TURN})"):
            time.sleep(1)
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout; RESET statement_timeout")
                cursor.execute(f"SELECT pg_advisory_unlock({TURN})")


def _limit_waits(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LIMITS)


def _ask(cursor: Any, statement: str) -> bool:
    cursor.execute(statement)
    return bool(cursor.fetchone()[0])


def _let_gentle_ones_take_long(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    if not any(word in str(sql) for word in GENTLE):
        return execute(sql, params, many, context)
    execute("SET lock_timeout = 0; SET statement_timeout = 0", None, False, context)
    done = execute(sql, params, many, context)
    execute(LIMITS, None, False, context)
    return done


def _drop_unfinished_indexes(connection: BaseDatabaseWrapper) -> None:
    """Drop what an interrupted CREATE INDEX CONCURRENTLY left: nobody reads it, all write it."""
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
