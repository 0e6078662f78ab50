"""Accept, the fast way: one statement stores what is made of facts, if these still hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from apps.notifications.models.change import TABLE, change_sql
from apps.notifications.models.measuring import measure_accepted
from apps.notifications.models.transitions.publishing import NEW_COLUMNS, insert_sql, seal_row
from notifier.facts import Fact
from notifier.faults import DATABASE_AWAY
from notifier.prepared import drop_lost_connection, number_places, run_prepared
from notifier.wakeup import bell

_VALUES = ", ".join(f"%s::{kind} AS {name}" for name, kind in NEW_COLUMNS.items())
_FIND = f"SELECT id, created_at FROM {TABLE} WHERE id = $1"
_UNSUPPRESSED = (
    "NOT EXISTS (SELECT FROM notifications_suppression AS s WHERE s.organization_id = %s::uuid"
    " AND s.channel = %s::text AND s.address_index = %s::text)"
)


def insert_proven(row: Mapping[str, Any], facts: Sequence[Fact]) -> datetime | None:
    """Store one new notification with its first event, and wake the relay.

    Returns when, or None when nothing is stored: a fact no longer holds, somebody suppressed the
    address, or its organization has used the `request_id` before. After an error of the database
    it may be stored or not, but never is twice.
    """
    statement = _write_statement(tuple(fact.condition for fact in facts))
    address = (row["organization_id"], row["channel"], row["recipient_index"])
    proof = [value for fact in facts for value in fact.parameters]
    sealed = seal_row(row)
    parameters = [*(sealed.get(name) for name in NEW_COLUMNS), *proof, *address]
    created_at = _insert_once(statement, parameters, row["id"])
    if created_at:
        bell.ring()
    measure_accepted([row] if created_at else [])
    return created_at


def _insert_once(statement: str, parameters: Sequence[object], row_id: UUID) -> datetime | None:
    try:
        stored = run_prepared(statement, parameters)
    except DATABASE_AWAY as error:
        if not drop_lost_connection():
            raise
        return _insert_again(statement, parameters, row_id, error)
    return stored[0][1] if stored else None


def _insert_again(
    statement: str, parameters: Sequence[object], row_id: UUID, error: Exception
) -> datetime:
    """Find out what became of a statement whose connection was lost, by doing it again.

    With the same id: if the first one is still under way, the second waits for it. If there is
    no such row after that, the first may come yet: only the client may try again.
    """
    stored = run_prepared(statement, parameters) or run_prepared(_FIND, [row_id])
    if not stored:
        raise error
    created_at: datetime = stored[0][1]
    return created_at


@lru_cache(maxsize=20)
def _write_statement(conditions: tuple[str, ...]) -> str:
    proven = " AND ".join([*conditions, _UNSUPPRESSED])
    insert = insert_sql(source=f"(SELECT {_VALUES} WHERE {proven}) AS r")
    return number_places(change_sql(insert, returning="id, created_at", wakes=False))
