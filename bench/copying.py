"""COPY of rows like those that the product stored: the floor of every bulk insert."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import uuid_utils
from psycopg import Connection, sql

NOTIFICATIONS = "notifications_notification"
EVENTS = "notifications_notificationevent"
ROWS_PER_BLOCK = 1_000

AnyConnection = Connection[tuple[object, ...]]
Row = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table's name and the columns that are copied."""

    name: str
    columns: tuple[str, ...]

    def build_copy(self, *, to: bool) -> sql.Composed:
        template = "COPY {} ({}) TO STDOUT" if to else "COPY {} ({}) FROM STDIN"
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL(template).format(sql.Identifier(self.name), columns)


@dataclass(frozen=True, kw_only=True)
class Block:
    """What one transaction copies: notifications, and an event for each."""

    tables: tuple[Table, Table]
    rows: tuple[list[Row], list[Row]]


def read_blocks(connection: AnyConnection, *, count_of_blocks: int) -> list[Block]:
    """Return blocks with the stored rows under new ids; the text of every value is ready."""
    tables = (
        read_table(connection, NOTIFICATIONS),
        read_table(connection, EVENTS, without="id"),  # which the table numbers by itself
    )
    notifications = _read_rows(connection, tables[0])[:ROWS_PER_BLOCK]
    event = _read_rows(connection, tables[1])[0]
    return [
        _renew_block(tables, notifications, event, number) for number in range(count_of_blocks)
    ]


def copy_block(connection: AnyConnection, block: Block) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        for table, rows in zip(block.tables, block.rows, strict=True):
            with cursor.copy(table.build_copy(to=False)) as copy:
                for row in rows:
                    copy.write_row(row)


def read_table(connection: AnyConnection, name: str, *, without: str = "") -> Table:
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND table_schema = 'public' ORDER BY ordinal_position",
        [name],
    )
    return Table(name=name, columns=tuple(str(row[0]) for row in found if row[0] != without))


def _read_rows(connection: AnyConnection, table: Table) -> list[Row]:
    with connection.cursor() as cursor, cursor.copy(table.build_copy(to=True)) as copy:
        return [tuple(_as_text(value) for value in row) for row in copy.rows()]


def _as_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _renew_block(
    tables: tuple[Table, Table], notifications: Sequence[Row], event: Row, number: int
) -> Block:
    ids = [str(uuid_utils.uuid7()) for _ in notifications]
    new_notifications = [
        _replace(tables[0], row, id=id_, request_id=f"copy-{number}-{place}")
        for place, (row, id_) in enumerate(zip(notifications, ids, strict=True))
    ]
    new_events = [_replace(tables[1], event, notification_id=id_) for id_ in ids]
    return Block(tables=tables, rows=(new_notifications, new_events))


def _replace(table: Table, row: Row, **values: str) -> Row:
    return tuple(values.get(name, old) for name, old in zip(table.columns, row, strict=True))
