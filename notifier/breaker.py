"""Circuit breakers: whoever fails again and again is left alone for a while, by all processes.

Closed: calls pass. Open: none does, for `reset_seconds`. Half open: exactly one trial at a time,
over all processes, decides between closed and open.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from notifier.circuits import (
    Admission,
    BreakerView,
    Circuit,
    CircuitRules,
    LocalCircuit,
    State,
)
from notifier.shared_circuit import SharedCircuit
from notifier.shared_state import SharedState, SharedStateAway

__all__ = ["Breaker", "BreakerView", "CircuitOpen", "CircuitRules", "Permit"]

log = structlog.get_logger(__name__)
# Who comes while a trial is under way asks again after this share of the reset time.
TRIAL_WAIT_SHARE = 0.1
TRIAL_WAIT_SECONDS = 1.0
# A circuit that was closed, with nothing against it, is asked again after so long: a worker that
# sends thousands a second would spend a tenth of its time on asking.
TRUST_SECONDS = 0.1
Result = TypeVar("Result")


class CircuitOpen(Exception):
    """No call may be made for `retry_after` seconds; `is_paused`: the provider asked for it."""

    def __init__(self, name: str, *, retry_after: float, is_paused: bool = False) -> None:
        super().__init__(f"{name}: no call for {retry_after:.3f} s")
        self.retry_after = retry_after
        self.is_paused = is_paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """The right to make one call; it has to be reported."""

    token: str
    is_trial: bool
    failures: int


class Breaker:
    """One provider's breaker; threads and processes share it by its name.

    Without Redis, or while it is away, this process's own circuit decides.
    """

    def __init__(self, name: str, *, rules: CircuitRules, shared: SharedState | None) -> None:
        self.name = name
        self._rules = rules
        self._local = LocalCircuit(rules)
        self._shared = SharedCircuit(name, rules, shared) if shared else None
        self._lock = threading.Lock()
        self._trusted_until = 0.0
        self._doubts = 0  # so many times the trust was lost

    def admit(self) -> Permit:
        """Return the permit for one call; raise CircuitOpen."""
        token = secrets.token_hex(8)
        admission = self._admit(token)
        if admission.verdict in ("closed", "trial"):
            is_trial = admission.verdict == "trial"
            return Permit(token=token, is_trial=is_trial, failures=admission.failures)
        wait = admission.wait
        if admission.verdict == "half_open":
            wait = min(wait, max(TRIAL_WAIT_SECONDS, self._rules.reset_seconds * TRIAL_WAIT_SHARE))
        is_paused = admission.verdict == "paused"
        raise CircuitOpen(self.name, retry_after=wait, is_paused=is_paused)

    def _admit(self, token: str) -> Admission:
        if self._shared is None:
            return self._local.admit(token)
        asked_at, doubts = time.monotonic(), self._doubts
        if asked_at < self._trusted_until:
            return Admission(verdict="closed", wait=0.0, failures=0)
        try:
            admission = self._shared.admit(token)
        except SharedStateAway:
            return self._local.admit(token)
        if admission.verdict == "closed" and not admission.failures:
            self._trust(asked_at + TRUST_SECONDS, doubts)
        self._local.follow(admission)
        return admission

    def report(self, permit: Permit, *, ok: bool | None) -> State | None:
        """Say how the call went (None: it was not made); return the state that this led to.

        None is no change. A success with nothing to forget is not told: in good health a call
        costs one question.
        """
        if not permit.is_trial and ok is not False and (ok is None or not permit.failures):
            return None
        led_to = self._on_circuit(lambda circuit: circuit.report(permit.token, ok=ok))
        self._doubt()
        self._log_change(led_to, permit)
        return led_to

    def force_open(self, seconds: float, *, reason: str) -> None:
        """Open at once, for at least so long."""
        self._on_circuit(lambda circuit: circuit.force_open(seconds, reason=reason))
        self._doubt()
        log.warning("breaker_opened", provider=self.name, reason=reason, seconds=seconds)

    def pause(self, seconds: float) -> None:
        """Let no call pass for so long, as the provider asked; it is not ill."""
        self._on_circuit(lambda circuit: circuit.pause(seconds))
        self._doubt()
        log.info("provider_paused", provider=self.name, seconds=seconds)

    def reset(self) -> None:
        """Close, whatever was known."""
        self._local.reset()
        self._on_circuit(lambda circuit: circuit.reset())
        log.info("breaker_reset", provider=self.name)

    def state(self) -> BreakerView:
        """Return what is known now; `is_shared` says whether all processes know the same."""
        return self._on_circuit(lambda circuit: circuit.view(self.name))

    def _trust(self, until: float, doubts: int) -> None:
        """Not on an answer that was asked for before something happened."""
        with self._lock:
            if self._doubts == doubts:
                self._trusted_until = until

    def _doubt(self) -> None:
        """Called when the circuit knows what happened."""
        with self._lock:
            self._doubts += 1
            self._trusted_until = 0.0

    def _on_circuit(self, act: Callable[[Circuit], Result]) -> Result:
        if self._shared is not None:
            try:
                return act(self._shared)
            except SharedStateAway:
                return act(self._local)
        return act(self._local)

    def _log_change(self, led_to: State | None, permit: Permit) -> None:
        if led_to == "closed":
            log.info("breaker_closed", provider=self.name)
        elif led_to == "open":
            seconds = self._rules.reset_seconds
            event = "breaker_trial_failed" if permit.is_trial else "breaker_opened"
            log.warning(event, provider=self.name, reason="failures", seconds=seconds)
