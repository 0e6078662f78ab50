"""Accept of many at once: the rows of a bulk request into the ledger, column by column."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from apps.notifications.models.change import change_sql
from apps.notifications.models.measuring import measure_accepted
from apps.notifications.models.transitions.publishing import (
    NEW_COLUMNS,
    SEALED,
    insert_accepted,
    insert_sql,
)
from notifier.sql import is_postgresql
from notifier.sql_arrays import encode_array, run_bound

# The statement names them more than once: they are columns of its source in any case.
READ: Final = frozenset({"id", "status"})


def insert_batch(rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Store new notifications as `insert_accepted` does, and return the ids of those stored.

    What is the same in all rows travels once; the rest as one array for each column.
    """
    if not is_postgresql():
        return set(insert_accepted(rows))
    columns = {name: _stored_values(name, rows) for name in NEW_COLUMNS}
    varying = [name for name, values in columns.items() if name in READ or _differ(values)]
    statement = insert_sql(source=_unnest_sql(varying), shared=set(columns) - set(varying))
    shared = [values[0] for name, values in columns.items() if name not in varying]
    stored = run_bound(
        change_sql(statement, returning="array_agg(id)", wakes=True),
        [*shared, *(encode_array(columns[name]) for name in varying)],
    )
    ids = set(stored[0][0] or ())
    measure_accepted(row for row in rows if row["id"] in ids)
    return ids


def _stored_values(name: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    values = [row.get(name) for row in rows]
    field = SEALED.get(name)
    return values if field is None else field.all_to_stored(values)


def _differ(values: Sequence[Any]) -> bool:
    return values.count(values[0]) < len(values)


def _unnest_sql(names: Sequence[str]) -> str:
    arrays = ", ".join(f"%s::{NEW_COLUMNS[name]}[]" for name in names)
    return f"unnest({arrays}) AS r({', '.join(names)})"
