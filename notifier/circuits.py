"""What a circuit breaker knows, and the circuit that lives inside one process.

`notifier.shared_circuit` has the same rules in Lua; the tests hold both to the same sentences.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

State = Literal["closed", "open", "half_open"]
FAILURES: Final = "failures"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRules:
    """So many failures in a row, each within `window_seconds` of the last, open the circuit."""

    threshold: int
    reset_seconds: float
    trial_seconds: float  # a trial that nobody ends (its process died) makes room after so long
    window_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """May a call be made? `wait` (seconds) says when to ask again where it may not.

    `paused` is the provider's own wish for less; the circuit is not open then.
    """

    verdict: Literal["closed", "trial", "open", "half_open", "paused"]
    wait: float = 0.0
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerView:
    """A breaker as people see it; `retry_after` is 0 when a call may be made now.

    `opened_ago` (seconds) counts from the first opening, over failed trials; None while closed.
    """

    name: str
    state: State
    failures: int
    retry_after: float
    reason: str
    is_paused: bool
    is_shared: bool
    opened_ago: float | None = None


class Circuit(Protocol):
    """The state machine; `ok` is None for a call that was not made after all."""

    def admit(self, token: str) -> Admission: ...
    def report(self, token: str, *, ok: bool | None) -> State | None:
        """Return the state that the report led to, None where it changed nothing."""

    def force_open(self, seconds: float, *, reason: str) -> None: ...
    def pause(self, seconds: float) -> None: ...
    def reset(self) -> None: ...
    def view(self, name: str) -> BreakerView: ...


class LocalCircuit:
    """A circuit of one process: for the embedded mode, and while Redis is away."""

    def __init__(
        self, rules: CircuitRules, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._lock = threading.RLock()
        self._paused_until = 0.0
        self._close()

    def _close(self) -> None:
        self._failures, self._failed_at = 0, 0.0
        self._open_until: float | None = None
        self._opened_at: float | None = None
        self._trial, self._trial_until, self._reason = "", 0.0, ""

    def admit(self, token: str) -> Admission:
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return Admission(verdict="paused", wait=self._paused_until - now)
            if self._open_until is None:
                return Admission(verdict="closed", failures=self._failures)
            if now < self._open_until:
                return Admission(verdict="open", wait=self._open_until - now)
            if now < self._trial_until:
                return Admission(verdict="half_open", wait=self._trial_until - now)
            self._trial, self._trial_until = token, now + self._rules.trial_seconds
            return Admission(verdict="trial")

    def report(self, token: str, *, ok: bool | None) -> State | None:
        with self._lock:
            if self._open_until is None:
                return self._report_while_closed(ok)
            if token != self._trial:
                return None  # a call from before: whatever it says is old
            if ok is None:
                self._trial, self._trial_until = "", 0.0
                return None
            if ok:
                self._close()
                return "closed"
            self.force_open(self._rules.reset_seconds, reason=FAILURES)
            return "open"

    def _report_while_closed(self, ok: bool | None) -> State | None:
        now = self._clock()
        if ok is not False:
            self._failures = 0 if ok else self._failures
            return None
        is_recent = now - self._failed_at <= self._rules.window_seconds
        self._failures = self._failures + 1 if is_recent else 1
        self._failed_at = now
        if self._failures < self._rules.threshold:
            return None
        self.force_open(self._rules.reset_seconds, reason=FAILURES)
        return "open"

    def force_open(self, seconds: float, *, reason: str) -> None:
        with self._lock:
            until = max(self._open_until or 0.0, self._clock() + seconds)
            opened_at = self._clock() if self._opened_at is None else self._opened_at
            self._close()
            self._open_until, self._opened_at, self._reason = until, opened_at, reason

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def reset(self) -> None:
        with self._lock:
            self._close()
            self._paused_until = 0.0

    def follow(self, admission: Admission) -> None:
        """Keep in step with what the shared circuit said, for the time when it is away."""
        with self._lock:
            if admission.verdict == "open":
                self.force_open(admission.wait, reason=FAILURES)
            elif admission.verdict == "closed" and self._open_until is not None:
                self._close()

    def view(self, name: str) -> BreakerView:
        with self._lock:
            now = self._clock()
            return describe_circuit(
                name,
                open_for=None if self._open_until is None else self._open_until - now,
                trial_for=self._trial_until - now,
                paused_for=self._paused_until - now,
                failures=self._failures,
                reason=self._reason,
                is_shared=False,
                opened_ago=None if self._opened_at is None else now - self._opened_at,
            )


def describe_circuit(
    name: str,
    *,
    open_for: float | None,
    trial_for: float,
    paused_for: float,
    failures: int,
    reason: str,
    is_shared: bool,
    opened_ago: float | None,
) -> BreakerView:
    """Make a view out of remaining seconds; an open circuit whose time is over is half open."""
    is_closed = open_for is None
    waits = (paused_for, *(() if open_for is None else (open_for, trial_for)))
    return BreakerView(
        name=name,
        state="closed" if is_closed else "open" if (open_for or 0.0) > 0 else "half_open",
        failures=failures,
        retry_after=max(0.0, *waits),
        reason="rate_limited" if paused_for > 0 and is_closed else reason,
        is_paused=paused_for > 0,
        is_shared=is_shared,
        opened_ago=opened_ago,
    )
