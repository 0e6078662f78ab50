"""Keeping claims: as long as a worker is at work, the sweep must not take its rows away."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import close_old_connections

from apps.delivery.services.outlets import LEASES_PER_CALL
from apps.notifications.models.transitions import claim, release_claims, renew_claims
from notifier.faults import DATABASE_AWAY

log = structlog.get_logger(__name__)

# A call may begin until this share of the lease is over: what is left covers the longest one.
BEGIN_WITHIN = 1 - 1 / LEASES_PER_CALL
# Renewed early enough for a database that is away for a moment.
RENEW_AFTER = BEGIN_WITHIN / 2
TRY_AGAIN_AFTER = RENEW_AFTER / 3


class LeaseLost(Exception):
    """The row is not ours any more: the worker was away for longer than its lease."""


class Lease:
    """The claims of one part of a delivery; `fences` are those whose outcome is still open."""

    def __init__(self, ids: Sequence[UUID], *, seconds: float) -> None:
        # Read before the claim: a worker that is paused in between must not think it has longer.
        self._begun_at = self._renewed_at = time.monotonic()
        self._asked_at = float("-inf")
        self.seconds = seconds
        claims = claim(ids, lease_seconds=seconds)
        self.fences = claims.fences
        self._claimed_at = claims.claimed_at

    def now(self) -> datetime:
        """The time by the database's clock, which decides whether something has expired."""
        return self._claimed_at + timedelta(seconds=time.monotonic() - self._begun_at)

    def hold(self, notification_id: UUID) -> None:
        """Make sure, before a provider is called, that the row is ours; raise LeaseLost if not.

        Asks the database only when a good part of the lease is over.
        """
        self.keep()
        self.check(notification_id)

    def check(self, notification_id: UUID) -> None:
        """As `hold`, for the threads beside the one that calls `keep`: asks nobody."""
        is_old = time.monotonic() - self._renewed_at > self.seconds * BEGIN_WITHIN
        if is_old or notification_id not in self.fences:
            raise LeaseLost

    def keep(self) -> None:
        """Renew when it is time; while the database is away, `check` says how long that goes."""
        now = time.monotonic()
        is_due = now - self._renewed_at > self.seconds * RENEW_AFTER
        if is_due and now - self._asked_at >= self.seconds * TRY_AGAIN_AFTER:
            self._asked_at = now
            self._renew(now)

    def settle(self, ids: Sequence[UUID]) -> None:
        """Let go of claims: their outcomes are recorded."""
        for notification_id in ids:
            self.fences.pop(notification_id, None)

    def give_back(self, ids: Sequence[UUID]) -> None:
        """Release what was not begun; its attempt does not count."""
        fences = {id_: self.fences[id_] for id_ in ids if id_ in self.fences}
        if fences:
            release_claims(fences)
            self.settle(list(fences))

    def _renew(self, asked_at: float) -> None:
        try:
            held = renew_claims(self.fences, lease_seconds=self.seconds)
        except DATABASE_AWAY as error:
            log.warning("lease_not_renewed", error=type(error).__name__)
            close_old_connections()  # the next time it asks over a new one
            return
        self.fences = {id_: fence for id_, fence in self.fences.items() if id_ in held}
        self._renewed_at = asked_at
