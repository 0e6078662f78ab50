"""Recording outcomes: in groups, soon, and however long the database needs to come back."""

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from django.db import DatabaseError, close_old_connections

from apps.delivery.services.leases import Lease
from apps.notifications.models.transitions import Outcome, record_outcomes
from notifier.faults import DATABASE_AWAY

log = structlog.get_logger(__name__)

# Outcomes older than this are committed before the next provider call: a crash leaves in doubt
# what was sent in so long, and the calls under way.
FLUSH_SECONDS = 0.05
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.5


class OutcomeRecorder:
    """Collects the outcomes of one task and commits them."""

    def __init__(self, lease: Lease) -> None:
        self.recorded: list[UUID] = []
        self.given_up: list[UUID] = []
        self._lease = lease
        self._waiting: list[Outcome] = []
        self._flushed_at = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        self._waiting.append(outcome)

    def flush_when_due(self) -> None:
        """Commit what has waited long enough; called before every provider call."""
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what is waiting; their claims need no keeping after that."""
        if self._waiting:
            recorded = set(_record_patiently(self._waiting))
            self._lease.settle([each.id for each in self._waiting])
            self.recorded += recorded
            self.given_up += [
                each.id
                for each in self._waiting
                if each.status == "failed" and each.id in recorded
            ]
            self._waiting = []
        self._flushed_at = time.monotonic()


def _record_patiently(outcomes: Sequence[Outcome]) -> list[UUID]:
    """Record outcomes, waiting for a database that is away: they exist nowhere else yet."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return record_outcomes(outcomes)
        except DATABASE_AWAY:
            if time.monotonic() > deadline:
                raise
            log.warning("outcomes_wait_for_database", count=len(outcomes))
            close_old_connections()
            time.sleep(PAUSE_SECONDS)
        except DatabaseError as error:
            return _record_one_by_one(outcomes, error)


def _record_one_by_one(outcomes: Sequence[Outcome], error: DatabaseError) -> list[UUID]:
    """Save the good outcomes of a group that the database refuses; say which one was bad."""
    if len(outcomes) > 1:
        return [recorded for each in outcomes for recorded in _record_patiently([each])]
    (bad,) = outcomes
    log.error("outcome_unstorable", notification_id=str(bad.id), exc_info=error)
    bare = replace(bad, provider_message_id="", error_code="", error="", detail={})
    return record_outcomes([bare])
