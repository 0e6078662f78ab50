"""Relay: takes what is due for publishing, the most urgent first, organizations in turn."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from apps.notifications.models.change import (
    TABLE,
    apply_change,
    as_datetime,
    change_sql,
    run_often,
)
from notifier.sql import (
    among_sql,
    as_uuid,
    asked_at_sql,
    is_postgresql,
    now_sql,
    skip_locked_sql,
    unindexed_sql,
)

# How long a published message may stay unclaimed before the row is published again.
REPUBLISH_AFTER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class DueNotification:
    """A notification that was just taken for publishing."""

    id: UUID
    priority: int
    due_at: datetime
    correlation_id: str
    traceparent: str = ""
    # Sent in a message of its own: it must never be repeated because of a neighbour, or may be
    # what took its worker down before.
    travels_alone: bool = False


def take_due(*, channel: str, limit: int) -> list[DueNotification]:
    """Move pending → queued, most urgent first: the caller publishes what is returned.

    Of equal priority, organizations take turns: a backlog of one delays no other. Whose turn is
    first is drawn by lot: often only one or two are taken at a time, by several relays.
    """
    taken = [
        DueNotification(as_uuid(i), p, as_datetime(d), c, t, bool(a))
        for i, p, d, c, t, a in _take(channel, limit)
    ]
    return sorted(taken, key=lambda row: (-row.priority, row.due_at, row.id))


def _take(channel: str, limit: int) -> list[tuple[Any, ...]]:
    if is_postgresql():
        return run_often(_planned_once(), [channel, limit])
    return apply_change(_update_sql(), {"channel": channel, "limit": limit}, returning=_TAKEN)


@lru_cache(maxsize=1)
def _planned_once() -> str:
    """SQL of the whole change with `$1` and `$2`; planning it takes longer than doing it."""
    named = change_sql(_update_sql(), returning=_TAKEN, wakes=False)
    return named.replace("%(channel)s", "$1").replace("%(limit)s", "$2")


def _update_sql() -> str:
    return (
        f"UPDATE {TABLE} AS n SET status = 'queued', reason = '', error_code = '', error = '',"
        " provider = '', detail = '{}',"
        f" lease_until = {now_sql(plus=str(REPUBLISH_AFTER_SECONDS))}"
        f" WHERE {among_sql('n.id', _locked(_due_sql()))}"
    )


def _locked(chosen: str) -> str:
    """SQL that locks what was chosen, if it is still due: others choose at the same time."""
    return (
        f"SELECT id FROM {TABLE} WHERE {unindexed_sql('status')} = 'pending' AND {_is_due()}"
        f" AND {among_sql('id', chosen)} {skip_locked_sql()}"
    )


def _due_sql() -> str:
    due = _due_by_lanes() if is_postgresql() else _due_by_sorting()
    return f"{due} ORDER BY priority DESC, turn, random() LIMIT %(limit)s"


def _due_by_lanes() -> str:
    """SQL over lanes, an organization's rows of one priority: each is one range of the index.

    So what is scheduled for later costs nothing, however much it is.
    """
    lane = f"SELECT organization_id, priority FROM {TABLE} WHERE {_PENDING}"
    first = "ORDER BY organization_id, priority LIMIT 1"
    return (
        f"WITH RECURSIVE lanes AS (({lane} {first}) UNION ALL SELECT following.* FROM lanes,"
        f" LATERAL ({lane} AND (organization_id, priority) > (lanes.organization_id,"
        f" lanes.priority) {first}) AS following)"
        " SELECT due.id FROM (SELECT heads.id, lanes.priority, row_number() OVER"
        " (PARTITION BY lanes.organization_id, lanes.priority ORDER BY heads.due_at) AS turn"
        f" FROM lanes, LATERAL (SELECT id, due_at FROM {TABLE} AS head WHERE {_PENDING}"
        " AND head.organization_id = lanes.organization_id AND head.priority = lanes.priority"
        f" AND {_is_due()} ORDER BY due_at LIMIT %(limit)s) AS heads) AS due"
    )


def _due_by_sorting() -> str:
    return (
        "SELECT id FROM (SELECT id, priority, row_number() OVER"
        " (PARTITION BY organization_id, priority ORDER BY due_at) AS turn"
        f" FROM {TABLE} WHERE {_PENDING} AND {_is_due()}) AS due"
    )


_TAKEN = (
    "id, priority, due_at, correlation_id, traceparent,"
    " doubts > 0 OR delivery_guarantee = 'at_most_once'"
)
_PENDING = "status = 'pending' AND channel = %(channel)s"


def _is_due() -> str:
    return f"due_at <= {asked_at_sql()} AND (expires_at IS NULL OR expires_at > {asked_at_sql()})"
