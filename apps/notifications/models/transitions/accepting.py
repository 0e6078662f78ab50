"""Accept, the fast way: one statement stores what is made of facts, if these still hold.

What several threads of a process accept at the same time goes into one statement: its cost and
its wait for the disc are then shared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import Error, connection

from apps.notifications.models.change import TABLE, change_sql
from apps.notifications.models.measuring import measure_accepted
from apps.notifications.models.transitions.publishing import NEW_COLUMNS, insert_sql, seal_row
from notifier.facts import Fact, read_from_row
from notifier.faults import DATABASE_AWAY
from notifier.group_commit import GroupCommit
from notifier.prepared import drop_lost_connection, number_places, run_prepared
from notifier.sql import json_rows_sql
from notifier.wakeup import bell

MOST_TOGETHER: Final = 50
_FIND = f"SELECT id, created_at FROM {TABLE} WHERE id = ANY($1::uuid[])"
_UNSUPPRESSED = (
    "NOT EXISTS (SELECT FROM notifications_suppression AS s WHERE s.organization_id ="
    " r.organization_id AND s.channel = r.channel AND s.address_index = r.recipient_index)"
)


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A row to be stored, sealed, with what proves its facts, under the conditions for these."""

    row: Mapping[str, Any]
    conditions: tuple[str, ...]


def insert_proven(row: Mapping[str, Any], facts: Sequence[Fact]) -> datetime | None:
    """Store one new notification with its first event, and wake the relay.

    Returns when, or None when nothing is stored: a fact no longer holds, somebody suppressed the
    address, or its organization has used the `request_id` before. After an error of the database
    it may be stored or not, but never is twice.
    """
    proof = (value for fact in facts for value in fact.parameters)
    stored = {**seal_row(row), **{f"p{place}": value for place, value in enumerate(proof)}}
    proposal = _Proposal(stored, tuple(fact.condition for fact in facts))
    # Inside a transaction alone: what others wait for must not depend on how that ends.
    group = _alone if connection.in_atomic_block else _together
    created_at = group.submit(proposal)
    measure_accepted([row] if created_at else [])
    return created_at


def _insert_together(proposals: Sequence[_Proposal]) -> list[datetime | Exception | None]:
    """Store what can be stored; an error stays with those whose it may be."""
    kind = attrgetter("conditions")
    found: dict[UUID, datetime | Exception | None] = {}
    for _, same in groupby(sorted(proposals, key=kind), key=kind):
        group = list(same)
        results = _insert_separately(group)
        found.update(zip((each.row["id"] for each in group), results, strict=True))
    return [found[each.row["id"]] for each in proposals]


def _insert_separately(group: list[_Proposal]) -> Sequence[datetime | Exception | None]:
    """Store a group of one kind; each for itself where PostgreSQL has refused one of them."""
    try:
        return _insert_same(group)
    except DATABASE_AWAY as error:  # it may be stored nevertheless: not once more with less care
        return [error] * len(group)
    except Error as error:
        if len(group) == 1:
            return [error]
    return [result for each in group for result in _insert_separately([each])]


def _insert_same(group: Sequence[_Proposal]) -> list[datetime | Exception | None]:
    wakes = connection.in_atomic_block or (len(group) == 1 and bell.is_quiet())
    statement = _write_statement(group[0].conditions, wakes=wakes)
    # In one order in all processes: otherwise two groups could wait for each other.
    rows = sorted((each.row for each in group), key=lambda row: row["request_id"] or "")
    stored = _insert_once(statement, msgspec.json.encode(rows).decode(), rows)
    bell.note_stored()
    if stored and not wakes:
        bell.ring()
    return [stored.get(each.row["id"]) for each in group]


def _insert_once(
    statement: str, encoded: str, rows: Sequence[Mapping[str, Any]]
) -> Mapping[UUID, datetime | Exception]:
    try:
        return _read_stored(run_prepared(statement, [encoded]))
    except DATABASE_AWAY as error:
        if not drop_lost_connection():
            raise
        return _insert_again(statement, encoded, [row["id"] for row in rows], error)


def _insert_again(
    statement: str, encoded: str, ids: list[UUID], error: Exception
) -> Mapping[UUID, datetime | Exception]:
    """Find out what became of a statement whose connection was lost, by doing it again.

    With the same ids: if the first one is still under way, the second waits for it. Of a row that
    is not there after that, the first may come yet: only the client may try again.
    """
    stored = _read_stored(run_prepared(statement, [encoded]))
    stored |= _read_stored(run_prepared(_FIND, [ids]))
    return {each: stored.get(each, error) for each in ids}


def _read_stored(rows: Sequence[tuple[Any, ...]]) -> dict[UUID, datetime | Exception]:
    return {row[0]: row[1] for row in rows}


@lru_cache(maxsize=20)
def _write_statement(conditions: tuple[str, ...], *, wakes: bool) -> str:
    """Return the statement; one that wakes the relay itself is as much as a millisecond faster.

    But all that wake wait for one another's commits: only for what is accepted alone.
    """
    columns, proven = dict(NEW_COLUMNS), []
    for condition in conditions:
        test, places = read_from_row(condition, len(columns) - len(NEW_COLUMNS))
        columns |= places
        proven.append(test)
    where = " AND ".join([*proven, _UNSUPPRESSED])
    source = f"(SELECT r.* FROM {json_rows_sql(columns)} AS r WHERE {where}) AS r"
    return number_places(
        change_sql(insert_sql(source=source), returning="id, created_at", wakes=wakes)
    )


_together = GroupCommit(_insert_together, most=MOST_TOGETHER)
_alone = GroupCommit(_insert_together, most=1)
