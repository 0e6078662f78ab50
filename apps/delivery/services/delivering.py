"""Deliver: the use case behind the delivery tasks.

Claim (committed) → check and render → provider, outside any transaction → record. A message may
arrive any number of times: the claim decides.
"""

import time
from collections.abc import Sequence
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from apps.delivery.retry import RetryPolicy
from apps.delivery.services.leases import Lease, LeaseLost
from apps.delivery.services.sending import fail_of_a_bug, send_notification
from apps.notifications.models import Notification
from apps.notifications.models.transitions import (
    Outcome,
    claim,
    record_outcomes,
)
from notifier.broker import BrokerUnavailable, publish_ids
from notifier.correlation import bind_correlation_id
from notifier.topology import REFRESH_STATUS, ROUTE_DEAD_LETTERS

log = structlog.get_logger(__name__)

# Outcomes are committed at least this often: a crash leaves in doubt what this long has sent.
FLUSH_SECONDS = 0.05
RECORD_PATIENCE_SECONDS = 30.0


def deliver_notifications(*, ids: Sequence[UUID]) -> int:
    """Send those of `ids` that are still to be sent; return how many outcomes were recorded.

    Behind a slow provider, what could not be begun in half a lease is given back, and its attempt
    does not count.
    """
    seconds = settings.SEND_LEASE_SECONDS
    lease = Lease(claim(ids, lease_seconds=seconds), seconds=seconds)
    recorder = OutcomeRecorder()
    for notification in _load(lease.fences):
        if lease.is_worn_out():
            break
        outcome = _send_safely(notification, lease)
        lease.settle(notification.pk)
        if outcome is not None:
            recorder.add(outcome)
    recorder.flush()
    lease.give_back()
    _announce(recorder)
    return len(recorder.recorded)


def _send_safely(notification: Notification, lease: Lease) -> Outcome | None:
    """Send one notification; None when it is not ours any more.

    A bug of ours ends in the notification's own outcome, not in its neighbours'.
    """
    bind_correlation_id(notification.correlation_id)
    try:
        return send_notification(notification, lease=lease, policy=_policy(), now=timezone.now())
    except LeaseLost:
        log.warning("lease_lost", notification_id=str(notification.pk))
        return None
    except Exception as error:  # noqa: BLE001  # recorded as the outcome, and logged
        return fail_of_a_bug(notification, error)


class OutcomeRecorder:
    """Collects outcomes and commits them in groups, in time and before the chunk ends."""

    def __init__(self) -> None:
        self.recorded: list[UUID] = []
        self.given_up: list[UUID] = []
        self._waiting: list[Outcome] = []
        self._flushed_at = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        self._waiting.append(outcome)
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what is waiting, however long the database needs to come back (within reason)."""
        if self._waiting:
            recorded = set(_record_patiently(self._waiting))
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
    deadline = time.monotonic() + RECORD_PATIENCE_SECONDS
    while True:
        try:
            return record_outcomes(outcomes)
        except (OperationalError, InterfaceError):
            if time.monotonic() > deadline:
                raise
            log.warning("outcomes_wait_for_database", count=len(outcomes))
            close_old_connections()
            time.sleep(0.5)


def _load(fences: dict[UUID, int]) -> list[Notification]:
    rows = (
        Notification.objects.filter(pk__in=fences)
        .select_related("user", "template_version__template")
        .prefetch_related("user__devices")
        .order_by("-priority", "due_at", "id")
    )
    return list(rows)


def _policy() -> RetryPolicy:
    return RetryPolicy(
        max_retries=settings.RETRY_MAX,
        base_seconds=settings.RETRY_BASE_SECONDS,
        cap_seconds=settings.RETRY_CAP_SECONDS,
    )


def _announce(recorder: OutcomeRecorder) -> None:
    """Hint at what follows; what is not hinted at is found by the sweep."""
    try:
        if recorder.recorded:
            publish_ids(REFRESH_STATUS, recorder.recorded, kind="status")
        if recorder.given_up:
            publish_ids(ROUTE_DEAD_LETTERS, recorder.given_up, kind="dead_letters")
    except BrokerUnavailable:
        log.info("hints_left_to_the_sweep", count=len(recorder.recorded))
