"""The three ledgers that must agree: what clients were promised, what providers took, our rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.e2e.installation import FINAL, Installation
from tests.faults.deliveries import Deliveries

EXPLAINED = FINAL - {"sent", "delivered"}
EVIDENCE = 5

_ROWS = "SELECT id::text, status, reason, doubts FROM notifications_notification"
_STORY = (
    "SELECT at::text, status, attempt, reason, error_code FROM"
    " notifications_notificationevent WHERE notification_id = %s ORDER BY id"
)
_EMPTY = "TRUNCATE notifications_notification CASCADE"
_UNFINISHED = (
    "SELECT count(*) FROM notifications_notification"
    " WHERE status IN ('pending', 'queued', 'sending')"
)


@dataclass(kw_only=True)
class Balance:
    """What the comparison found; ids are notifications'."""

    accepted: int
    delivered: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    doubled_in_doubt: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)


def query(installation: Installation, statement: str, *values: Any) -> list[dict[str, Any]]:
    """Run one statement in the installation's database, as its operator could."""
    with psycopg.connect(
        installation.environment()["DATABASE_URL"], autocommit=True, row_factory=dict_row
    ) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def empty_ledger(installation: Installation) -> None:
    query(installation, _EMPTY)


def count_unfinished_rows(installation: Installation) -> int:
    return int(query(installation, _UNFINISHED)[0]["count"])


def count_deliveries(installation: Installation) -> Counter[str]:
    """Return how often the providers took each notification."""
    return Deliveries(installation).count()


def balance_ledgers(installation: Installation, accepted: Iterable[str]) -> Balance:
    """Compare the ledgers; what was accepted must be taken once, or end with a reason."""
    promised = set(accepted)
    rows = {row["id"]: row for row in query(installation, _ROWS)}
    taken = count_deliveries(installation)
    doubtful = {id_ for id_, row in rows.items() if row["doubts"]}
    doubled = {id_ for id_, count in taken.items() if count > 1}
    lost = [id_ for id_ in promised if not taken[id_] and not _is_explained(rows.get(id_))]
    found = Balance(
        accepted=len(promised),
        delivered=sum(1 for id_ in promised if taken[id_]),
        lost=sorted(lost),
        doubled=sorted(doubled - doubtful),
        doubled_in_doubt=sorted(doubled & doubtful),
        in_doubt=sorted(doubtful),
        foreign=sorted(taken.keys() - rows.keys()),
        statuses=Counter(f"{row['status']}:{row['reason']}" for row in rows.values()),
    )
    found.evidence = _collect_stories(installation, [*found.lost, *found.doubled])
    return found


def _is_explained(row: dict[str, Any] | None) -> bool:
    return row is not None and row["status"] in EXPLAINED and bool(row["reason"])


def _collect_stories(installation: Installation, ids: Sequence[str]) -> dict[str, Any]:
    return {id_: describe_story(installation, id_) for id_ in ids[:EVIDENCE]}


def describe_story(installation: Installation, notification_id: str) -> list[dict[str, Any]]:
    """Return a notification's timeline as the database holds it."""
    return query(installation, _STORY, notification_id)
