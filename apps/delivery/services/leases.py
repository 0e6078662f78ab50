"""Keeping claims: as long as a worker is at work, the sweep must not take its rows away."""

import time
from uuid import UUID

from apps.notifications.models.transitions import release_claims, renew_claims

# Renewed when this share of the lease is over, so that what is left covers one provider call.
RENEW_AFTER = 1 / 3


class LeaseLost(Exception):
    """The row is not ours any more: the worker was away for longer than its lease."""


class Lease:
    """The claims of one delivery task; `fences` are those whose outcome is still open."""

    def __init__(self, fences: dict[UUID, int], *, seconds: float) -> None:
        self.fences = fences
        self.seconds = seconds
        self._begun_at = self._renewed_at = time.monotonic()

    def is_worn_out(self) -> bool:
        """Is it time to give the rest back? No task shall run on and on behind a slow provider."""
        return time.monotonic() - self._begun_at > self.seconds / 2

    def hold(self, notification_id: UUID) -> None:
        """Make sure, before a provider is called, that the row is ours; raise LeaseLost if not.

        Asks the database only when a good part of the lease is over.
        """
        if time.monotonic() - self._renewed_at > self.seconds * RENEW_AFTER:
            self._renew()
        if notification_id not in self.fences:
            raise LeaseLost

    def settle(self, notification_id: UUID) -> None:
        """Let go of a claim: its outcome is known."""
        self.fences.pop(notification_id, None)

    def give_back(self) -> None:
        """Release what was not begun; its attempt does not count."""
        if self.fences:
            release_claims(self.fences)
            self.fences = {}

    def _renew(self) -> None:
        asked_at = time.monotonic()
        held = renew_claims(self.fences, lease_seconds=self.seconds)
        self.fences = {id_: fence for id_, fence in self.fences.items() if id_ in held}
        self._renewed_at = asked_at
