"""Rewriting sealed columns of rows that exist: the first encryption, its way back, rotation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from django.core.management.base import CommandError
from django.db import connection, models, transaction

from notifier.encrypted_fields import EMPTY, sealed_columns
from notifier.encryption import Undecryptable, load_keyring, prefix_of, seal, unseal
from notifier.sql import encode_rows, is_postgresql, json_rows_sql, run

Row = Mapping[str, Any]
# Few enough that nobody waits noticeably for the rows that one statement has locked.
BATCH: Final = 500
_KINDS: Final = {"UUIDField": "uuid", "BigAutoField": "bigint", "CharField": "text"}


def rewrite_rows(
    model: type[models.Model],
    *,
    columns: Sequence[str],
    change: Callable[[Row], Row],
    is_waiting: bool = False,
) -> Iterator[tuple[int, int]]:
    """Walk a table in batches, each its own transaction; yield how many were seen and changed.

    `change` takes a row's columns as they are stored and returns those that are to be different.
    Rows that another process has locked are passed over: walk again until nothing changes. With
    `is_waiting` they are waited for, so that one walk leaves none out.
    """
    last: Any = None
    while True:
        with transaction.atomic():
            rows = _lock_batch(model, columns, after=last, is_waiting=is_waiting)
            changed = [(key, {**row, **new}) for key, row in rows if (new := change(row))]
            _store_batch(model, columns, changed)
        if not rows:
            return
        yield len(rows), len(changed)
        last = rows[-1][0]


def seal_rows(
    model: type[models.Model], *, also: Sequence[str] = (), derive: Callable[[Row, Row], Row]
) -> None:
    """Seal what is still readable in a table; may be ended and begun again at any moment.

    `derive` takes a row (its sealed columns and those in `also`) and what was readable of it, and
    returns what else is to be written. Raises CommandError when something is readable afterwards:
    another process has written it in the meantime.
    """
    places = {name: field.place for name, field in sealed_columns(model).items()}

    def change(row: Row) -> Row:
        readable = {n: row[n] for n, place in places.items() if _is_readable(row[n], place)}
        sealed = {n: seal(text.encode(), place=places[n]) for n, text in readable.items()}
        return {**sealed, **derive(row, readable)}

    columns = [*places, *also]
    for _ in rewrite_rows(model, columns=columns, change=change, is_waiting=True):
        pass
    if count := count_readable(model):
        table = model._meta.db_table  # noqa: SLF001  # documented
        raise CommandError(
            f"{table}: {count} rows were stored unencrypted while this ran; stop every other"
            " process of Notifier, then run `migrate` again"
        )


def count_readable(model: type[models.Model]) -> int:
    """Return how many rows have a column that no key of ours has sealed."""
    prefixes = [prefix_of(key) for key in load_keyring().by_id]
    marks = ", ".join(["%s"] * len(prefixes))
    columns = [_quote(name) for name in sealed_columns(model)]
    readable = [
        f"(COALESCE({name}, '') NOT IN ('', '{{}}', '[]')"
        f" AND SUBSTR({name}, 1, {len(prefixes[0])}) NOT IN ({marks}))"
        for name in columns
    ]
    _, table = _names(model)
    statement = f"SELECT COUNT(*) FROM {table} WHERE {' OR '.join(readable)}"  # noqa: S608  # our own names
    return int(run(statement, prefixes * len(columns))[0][0])


def open_rows(
    model: type[models.Model], *, also: Sequence[str] = (), derive: Callable[[Row, Row], Row]
) -> None:
    """Undo `seal_rows`: `derive` takes the row and what was sealed of it, readable again."""
    places = {name: field.place for name, field in sealed_columns(model).items()}

    def change(row: Row) -> Row:
        sealed = {n: row[n] for n, p in places.items() if row[n] and row[n] not in EMPTY}
        opened = {
            n: unseal(text, place=places[n]).decode()
            for n, text in sealed.items()
            if not _is_readable(text, places[n])
        }
        return {**opened, **derive(row, opened)}

    columns = [*places, *also]
    for _ in rewrite_rows(model, columns=columns, change=change, is_waiting=True):
        pass


def _is_readable(stored: str | None, place: bytes) -> bool:
    """Is there something to seal? What looks sealed and does not open was written by somebody."""
    if not stored or stored in EMPTY:
        return False
    try:
        unseal(stored, place=place)
    except Undecryptable:
        return True
    return False


def _lock_batch(
    model: type[models.Model], columns: Sequence[str], *, after: Any, is_waiting: bool
) -> list[tuple[Any, dict[str, Any]]]:
    key, table = _names(model)
    # Not FOR UPDATE, which would hold up whoever inserts a row that refers to one of these.
    lock = "FOR NO KEY UPDATE" if is_postgresql() else ""
    if lock and not is_waiting:
        lock += " SKIP LOCKED"
    beyond = "" if after is None else f"WHERE {key} > %s"
    names = ", ".join(map(_quote, columns))
    rows = run(
        f"SELECT {key}, {names} FROM {table} {beyond} ORDER BY {key} LIMIT {BATCH} {lock}",  # noqa: S608  # our own names
        [] if after is None else [after],
    )
    return [(row[0], dict(zip(columns, row[1:], strict=True))) for row in rows]


def _store_batch(
    model: type[models.Model], columns: Sequence[str], changed: Sequence[tuple[Any, Row]]
) -> None:
    if not changed:
        return
    key, table = _names(model)
    kind = _KINDS[model._meta.pk.get_internal_type()]  # noqa: SLF001  # documented
    source = json_rows_sql({"rewritten_key": kind, **dict.fromkeys(columns, "text")})
    news = ", ".join(f"{_quote(name)} = r.{_quote(name)}" for name in columns)
    run(
        f"UPDATE {table} AS n SET {news} FROM {source} AS r WHERE n.{key} = r.rewritten_key",  # noqa: S608  # our own names
        [encode_rows([{"rewritten_key": row_key, **row} for row_key, row in changed])],
    )


def _names(model: type[models.Model]) -> tuple[str, str]:
    meta = model._meta  # noqa: SLF001  # documented, for all its underscore
    return _quote(str(meta.pk.column)), _quote(meta.db_table)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)
