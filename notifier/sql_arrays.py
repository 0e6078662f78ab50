"""Many values as one parameter: PostgreSQL's arrays, which it reads much faster than JSON.

Statements with them are bound by the server: the client would copy every array into the text of
the statement, quote by quote.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from django.db import connection

from notifier.sql import Parameters


def encode_array(values: Sequence[object]) -> str:
    r"""Return the literal of an array of texts, ids, numbers or times; None is NULL.

    JSON's is the same but for its brackets and for control characters, which it writes as `\n` or
    `\u0001`: an array would read these as the letters.
    """
    body = msgspec.json.encode(values)[1:-1].decode()
    if "\\" in body and "\\" in body.replace("\\\\", "").replace('\\"', ""):
        body = ",".join(map(_quote, values))
    return f"{{{body}}}"


def run_bound(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Execute a statement whose parameters travel beside it, and return its rows (PostgreSQL)."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def _quote(value: object) -> str:
    if value is None:
        return "NULL"
    return '"{}"'.format(str(value).replace("\\", "\\\\").replace('"', '\\"'))
