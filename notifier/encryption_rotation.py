"""Rotation: everything that is sealed, sealed again with the first of FIELD_ENCRYPTION_KEYS."""

from collections import Counter
from collections.abc import Iterator

from django.apps import apps
from django.db import connection, models, transaction

from notifier.encrypted_fields import sealed_columns
from notifier.encryption import (
    Undecryptable,
    load_keyring,
    seal,
    sealed_prefix,
    sealing_key,
    unseal,
)
from notifier.encryption_rows import Row, rewrite_rows
from notifier.sql import is_postgresql, run

# A row that a process holds is passed over, and is free again within moments.
_PASSES = 3


def sealed_models() -> list[type[models.Model]]:
    """Return every table with sealed columns."""
    tables = [each for each in apps.get_models() if not each._meta.proxy]  # noqa: SLF001  # documented
    return [each for each in tables if sealed_columns(each)]


def rotate_table(model: type[models.Model]) -> Iterator[tuple[int, int]]:
    """Seal a table's values again; yield how many rows each batch saw and changed.

    Safe beside running processes (a row is locked while it is rewritten, and one that is in use is
    left for the next pass), and may be ended and begun again: what has the first key is left.
    """
    yield from _walk(model)
    for _ in range(_PASSES - 1):
        again = sum(changed for _, changed in _walk(model))
        if not again:
            return
        yield 0, again


def count_remaining(model: type[models.Model]) -> Counter[str]:
    """Count the values that another key than the first sealed, by that key's id.

    That reads the whole table once for each column, for as long as it takes.
    """
    with transaction.atomic():
        if is_postgresql():
            run("SET LOCAL statement_timeout = 0")
        return _count_by_key(model)


def _count_by_key(model: type[models.Model]) -> Counter[str]:
    remaining: Counter[str] = Counter()
    table = connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001  # documented
    for name in map(connection.ops.quote_name, sealed_columns(model)):
        rows = run(
            f"SELECT SUBSTR({name}, 3, 8), COUNT(*) FROM {table}"  # noqa: S608  # our own names
            f" WHERE {name} LIKE %s AND {name} NOT LIKE %s GROUP BY 1",
            ["1.%", f"{sealed_prefix()}%"],
        )
        remaining.update(dict(rows))
    return remaining


def find_idle_keys(remaining: Counter[str]) -> list[str]:
    """Return the ids of keys in the settings that nothing is sealed with any more."""
    ring = load_keyring()
    return [key for key in ring.by_id if key != ring.first.id and not remaining[key]]


def _walk(model: type[models.Model]) -> Iterator[tuple[int, int]]:
    places = {name: each.place for name, each in sealed_columns(model).items()}

    def change(row: Row) -> Row:
        news = {name: _seal_again(stored, places[name]) for name, stored in row.items()}
        return {name: value for name, value in news.items() if value is not None}

    return rewrite_rows(model, columns=list(places), change=change)


def _seal_again(stored: str | None, place: bytes) -> str | None:
    """Return the value under the first key; None for what has it, and for what no key opens."""
    if not stored or sealing_key(stored) in (None, load_keyring().first.id):
        return None
    try:
        return seal(unseal(stored, place=place), place=place)
    except Undecryptable:
        return None  # `count_remaining` tells of it
