"""Counting what statements have changed: what the database gives back, so nothing twice."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apps.notifications.models.change import as_datetime
from notifier.measurements import (
    count_accepted,
    count_in_doubt,
    count_outcomes,
    observe_sent,
)

# What a change returns in order to be counted. Its first column is the id.
COUNTED: Final = "id, channel, provider, status, fence, created_at, due_at, sent_at"
Rows = list[tuple[Any, ...]]


def measure_accepted(rows: Iterable[Mapping[str, Any]]) -> None:
    """Count rows that were stored; what is never to be sent has its outcome at once."""
    accepted = list(rows)
    count_accepted(row["channel"] for row in accepted)
    count_outcomes((row["channel"], "", row["status"]) for row in accepted)


def measure_outcomes(rows: Rows) -> Rows:
    """Count rows (COUNTED) that a change has moved on, and return them."""
    count_outcomes((row[1], row[2], row[3]) for row in rows)
    return rows


def measure_sent(rows: Rows) -> Rows:
    """Do the same for outcomes of deliveries, with the time that it took until a provider had it.

    What was scheduled counts from its time, as long as that is known: a retry has another.
    """
    for row in rows:
        _, _, _, status, fence, created_at, due_at, sent_at = row[:8]
        if status == "sent":
            since = as_datetime(due_at if fence == 1 else created_at)
            observe_sent(since=since, sent_at=as_datetime(sent_at))
    return measure_outcomes(rows)


def measure_doubts(rows: Rows) -> Rows:
    """Do the same for rows of which nobody knows whether a provider took them."""
    count_in_doubt(row[1] for row in rows)
    return measure_outcomes(rows)
