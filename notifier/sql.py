"""The few spellings in which PostgreSQL and SQLite differ, so that each statement is written once.

Sets of rows travel as one JSON parameter: one statement whatever their number.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

# Of `%s`, or of `%(name)s`.
Parameters = Sequence[Any] | Mapping[str, Any]
CHANNEL_OF_WAKEUPS = "notifications_due"


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def now_sql(*, plus: str = "0") -> str:
    """SQL for the database's clock, `plus` being SQL for a number of seconds."""
    if is_postgresql():
        return f"(clock_timestamp() + make_interval(secs => {plus}))"
    return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', ({plus}) || ' seconds')"


def asked_at_sql(*, plus: str = "0") -> str:
    """SQL for the time at which the statement began, for conditions; `plus` as for `now_sql`.

    PostgreSQL searches an index with it; the clock itself moves on from row to row and makes it
    read the whole index.
    """
    if is_postgresql():
        return f"(statement_timestamp() + make_interval(secs => {plus}))"
    return now_sql(plus=plus)


def skip_locked_sql() -> str:
    """Rows that another process is changing are its; SQLite has one writer at a time anyway."""
    return "FOR UPDATE SKIP LOCKED" if is_postgresql() else ""


def json_rows_sql(columns: Mapping[str, str]) -> str:
    """SQL of a row source over one JSON parameter; `columns` are names and PostgreSQL types.

    Use as `FROM {json_rows_sql(...)} AS r`; pass `encode_rows(rows)` as the parameter.
    """
    if is_postgresql():
        fields = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        return f"(SELECT * FROM jsonb_to_recordset(%s::jsonb) AS x({fields}))"
    fields = ", ".join(f"json_extract(value, '$.{name}') AS \"{name}\"" for name in columns)
    return f"(SELECT {fields} FROM json_each(%s))"


def encode_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the JSON parameter of `json_rows_sql`."""
    if is_postgresql():
        return msgspec.json.encode(rows).decode()
    return json.dumps(rows, default=_encode_value, separators=(",", ":"), ensure_ascii=False)


def ids_sql(kind: str = "uuid") -> str:
    """SQL of a set of ids over one JSON parameter, for `id IN (...)`; pass `encode_ids(ids)`."""
    if is_postgresql():
        return f"SELECT value::{kind} FROM jsonb_array_elements_text(%s::jsonb)"
    return "SELECT value FROM json_each(%s)"


def among_sql(column: str, subquery: str) -> str:
    """SQL for `column IN (subquery)` that runs the subquery once, as its LIMIT and locks need."""
    return f"{column} = ANY(ARRAY({subquery}))" if is_postgresql() else f"{column} IN ({subquery})"


def with_ids_sql(column: str, kind: str = "uuid") -> str:
    """SQL for `column` being one of a set of ids, which are looked up one by one."""
    return among_sql(column, ids_sql(kind))


def unindexed_sql(column: str) -> str:
    """SQL of a text column that no index is searched by.

    Beside ids, for a column that partial indexes have in their conditions: what PostgreSQL thinks
    few rows have, it would rather read all of.
    """
    return f"({column} || '')"


def encode_ids(ids: Sequence[UUID] | Sequence[int]) -> str:
    """Return ids as the JSON parameter of `ids_sql`."""
    if is_postgresql():
        return msgspec.json.encode(list(ids)).decode()
    return json.dumps(list(ids), default=_encode_value)


def run(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Execute a statement and return its rows (none when it returns none)."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def as_uuid(value: Any) -> UUID:
    """Ids come back as UUID from PostgreSQL and as hex text from SQLite."""
    return value if isinstance(value, UUID) else UUID(value)


def _encode_value(value: Any) -> Any:
    """Return a value as SQLite has it."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        adapted = connection.ops.adapt_datetimefield_value(value)
        return str(adapted)
    raise TypeError(f"cannot be sent as JSON: {type(value).__name__}")
