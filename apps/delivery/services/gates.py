"""What stands before a provider: its circuit breaker and its rate limit."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from django.conf import settings

from apps.delivery.providers.contract import (
    Misconfigured,
    NotHosted,
    ProviderError,
    Transient,
    Uncertain,
)
from apps.delivery.providers.urls import ProviderUrl
from apps.delivery.retry import PARK_SECONDS, RETRY_AFTER_CAP_SECONDS
from apps.delivery.services.simulating import is_playground
from apps.notifications.models.transitions import BREAKER_OPEN, release_parked
from notifier.breaker import Breaker, CircuitOpen, CircuitRules, Permit
from notifier.faults import DATABASE_AWAY
from notifier.rate import RateLimiter
from notifier.shared_state import open_shared_state

log = structlog.get_logger(__name__)

RATE_LIMITED: Final = "rate_limited"
# A longer wait for a place within the rate is not worth a worker.
LONGEST_SLEEP_SECONDS: Final = 1.0
# Those who are parked behind an open breaker come back one after the other, so that a long outage
# does not keep database and workers busy; the success of a trial calls all of them.
PARKED_EACH_SECOND: Final = 20
LONGEST_PARKING_SECONDS: Final = 300.0
# Codes of providers that are well: too many calls, or one mailbox that is busy (greylisting).
WELL: Final = frozenset({"http_429", "smtp_450"})

_gates: dict[tuple[object, ...], "Gate"] = {}
_lock = threading.Lock()


class Unavailable(Exception):
    """This provider takes no call now; `reason` is breaker_open or rate_limited."""

    def __init__(self, gate: "Gate", *, reason: str, retry_after: float) -> None:
        super().__init__(gate.breaker.name)
        self.provider = gate.breaker.name
        self.reason = reason
        self.retry_after = retry_after
        self._gate = gate

    def queue_up(self) -> float:
        """Return the seconds after which one notification shall come back."""
        if self.reason == BREAKER_OPEN:
            return self.retry_after + self._gate.find_place()
        return self.retry_after


class Gate:
    """Lets calls to one provider pass, and learns from how they went."""

    def __init__(
        self, breaker: Breaker, *, limiter: RateLimiter | None, line: RateLimiter
    ) -> None:
        self.breaker = breaker
        self._limiter = limiter
        self._line = line  # of those who are parked
        self._asking = threading.Lock()

    @contextmanager
    def passing(self) -> Iterator[Permit]:
        """Hold a permit around one call; raise Unavailable where there is none.

        Waits for a moment where the rate asks for it. What goes through says how the call went;
        what is no provider's error gives the permit back.
        """
        permit = self._admit()
        try:
            self._keep_to_rate()
            yield permit
        except ProviderError as error:
            self._learn(permit, error)
            raise
        except BaseException:
            self.breaker.report(permit, ok=None)
            raise
        self._report(permit, ok=True)

    def find_place(self) -> float:
        """Return how many seconds after the breaker's time one more may come back."""
        place = self._line.acquire(longest_wait=LONGEST_PARKING_SECONDS)
        if place.is_taken:
            return place.wait
        return random.uniform(0, LONGEST_PARKING_SECONDS)  # noqa: S311  # no secret

    def _admit(self) -> Permit:
        """One thread asks, and those that wait for it know: else a hundred would ask at once."""
        try:
            with self._asking:
                return self.breaker.admit()
        except CircuitOpen as error:
            reason = RATE_LIMITED if error.is_paused else BREAKER_OPEN
            raise Unavailable(self, reason=reason, retry_after=error.retry_after) from error

    def _keep_to_rate(self) -> None:
        if self._limiter is None:
            return
        place = self._limiter.acquire(longest_wait=LONGEST_SLEEP_SECONDS)
        if not place.is_taken:
            raise Unavailable(self, reason=RATE_LIMITED, retry_after=place.wait)
        time.sleep(place.wait)

    def _learn(self, permit: Permit, error: ProviderError) -> None:
        """Count illness, never a recipient's fault; a provider that is busy is held back."""
        if isinstance(error, NotHosted):  # the provider was asked nothing
            self.breaker.report(permit, ok=None)
            return
        if isinstance(error, Misconfigured):
            seconds = max(PARK_SECONDS, settings.BREAKER_RESET_SECONDS)
            log.error("provider_misconfigured", provider=self.breaker.name, error_code=error.code)
            self.breaker.force_open(seconds, reason="misconfigured")
            return
        is_ill = isinstance(error, Transient | Uncertain) and error.code not in WELL
        self._report(permit, ok=not is_ill)
        if isinstance(error, Transient) and error.retry_after and not is_ill:
            self.breaker.pause(min(error.retry_after, RETRY_AFTER_CAP_SECONDS))

    def _report(self, permit: Permit, *, ok: bool) -> None:
        if self.breaker.report(permit, ok=ok) == "closed":
            call_parked()


def call_parked() -> None:
    """Make due what waits behind an open breaker; without a database it comes at its own time."""
    try:
        log.info("parked_released", count=release_parked())
    except DATABASE_AWAY as error:
        log.warning("parked_not_released", error=type(error).__name__)


def gate_for(url: ProviderUrl) -> Gate | None:
    """Return this process's gate of a provider.

    capture:// has none: it cannot be ill, except where it is made so (see `simulating`).
    """
    if url.scheme == "capture" and not is_playground():
        return None
    # The settings are part of the key, so that a test which changes them is heard.
    key = (url.name, url.rate, settings.CACHE_URL, *_rules_key())
    with _lock:
        if key not in _gates:
            _gates[key] = Gate(
                _build_breaker(url.name), limiter=_build_limiter(url), line=_build_line(url)
            )
        return _gates[key]


def _rules_key() -> tuple[object, ...]:
    return (
        settings.BREAKER_THRESHOLD,
        settings.BREAKER_RESET_SECONDS,
        settings.SEND_LEASE_SECONDS,
    )


def _build_breaker(name: str) -> Breaker:
    rules = CircuitRules(
        threshold=settings.BREAKER_THRESHOLD,
        reset_seconds=settings.BREAKER_RESET_SECONDS,
        # Whoever is gone for longer has lost the notification as well.
        trial_seconds=settings.SEND_LEASE_SECONDS,
    )
    return Breaker(name, rules=rules, shared=open_shared_state(settings.CACHE_URL))


def _build_line(url: ProviderUrl) -> RateLimiter:
    return RateLimiter(
        f"{url.name}:parked",
        count=PARKED_EACH_SECOND,
        seconds=1,
        shared=open_shared_state(settings.CACHE_URL),
    )


def _build_limiter(url: ProviderUrl) -> RateLimiter | None:
    if url.rate is None:
        return None
    return RateLimiter(
        url.name,
        count=url.rate.count,
        seconds=url.rate.seconds,
        shared=open_shared_state(settings.CACHE_URL),
    )
