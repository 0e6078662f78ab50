"""What happens outside of the connection that a test's requests use, and what that one says."""

import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection

Result = TypeVar("Result")
# A statement of the simple protocol, or one execution of the extended one.
_SENT = re.compile(r"^(?:\S+ \S+\t)?F\t\d+\t(Query|Execute)\b", re.MULTILINE)


def elsewhere(work: Callable[[], Result]) -> Result:
    """Run `work` over another connection, committed."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: _work_and_close(work)).result()


def _work_and_close(work: Callable[[], Result]) -> Result:
    try:
        return work()
    finally:
        connection.close()


def ask(sql: str, *parameters: str | int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def backend_pid() -> int:
    """Return who serves this thread's connection."""
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def kill(pid: int) -> None:
    assert elsewhere(lambda: ask("SELECT pg_terminate_backend(%s)", pid)) == [(True,)]


@contextmanager
def count_statements() -> Iterator[list[str]]:
    """Yield a list that then has what this thread's connection was asked, by libpq's trace."""
    connection.ensure_connection()
    found: list[str] = []
    with tempfile.TemporaryFile("w+") as log:
        connection.connection.pgconn.trace(log.fileno())
        try:
            yield found
        finally:
            connection.connection.pgconn.untrace()
            log.seek(0)
            found.extend(_SENT.findall(log.read()))
