"""Rate limits towards a provider: one bucket for all processes, in Redis.

The bucket is kept as the time at which the next call is due (the generic cell rate algorithm): one
number, no background work. A tenth of what `count` allows may come in a burst.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from notifier.shared_state import SharedState, SharedStateAway

PREFIX: Final = "notifier:rate:"
BURST_SHARE: Final = 0.1
LONGEST_PARKING_SECONDS: Final = 3600.0

# KEYS[1]: hash {due, parked}. ARGV in microseconds: gap between calls, burst, longest wait,
# longest parking. Answers {1, wait}: a place is taken; {0, wait}: none is, come again after so
# long. Those who are sent away get a place each in a second line: they do not all return at once.
_TAKE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local gap, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest, parking = tonumber(ARGV[3]), tonumber(ARGV[4])
local h = redis.call('HMGET', KEYS[1], 'due', 'parked')
local due = math.max(tonumber(h[1] or 0), now)
local wait = math.max(0, due - burst - now)
local field, value, taken = 'due', due + gap, 1
if wait > longest then
  local parked = math.max(tonumber(h[2] or 0), now + wait)
  wait = math.min(parked - now, parking)
  field, value, taken = 'parked', math.min(parked + gap, now + parking), 0
end
redis.call('HSET', KEYS[1], field, string.format('%.0f', value))
redis.call('PEXPIRE', KEYS[1], math.ceil((value - now) / 1000) + 60000)
return {taken, math.ceil(wait)}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`wait` seconds until the call, if `is_taken`; else until it is worth asking again."""

    is_taken: bool
    wait: float


class LocalBucket:
    """The same arithmetic for one process."""

    def __init__(
        self, *, gap: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gap = gap
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._due = self._parked = 0.0

    def take(self, *, longest_wait: float) -> Place:
        with self._lock:
            now = self._clock()
            due = max(self._due, now)
            wait = max(0.0, due - self._burst - now)
            if wait <= longest_wait:
                self._due = due + self._gap
                return Place(is_taken=True, wait=wait)
            parked = max(self._parked, now + wait)
            self._parked = min(parked + self._gap, now + LONGEST_PARKING_SECONDS)
            return Place(is_taken=False, wait=min(parked - now, LONGEST_PARKING_SECONDS))


class RateLimiter:
    """At most `count` calls in `seconds`, over all processes; while Redis is away, in each."""

    def __init__(
        self, name: str, *, count: int, seconds: float, shared: SharedState | None
    ) -> None:
        self._key = PREFIX + name
        self._gap = seconds / count
        self._burst = max(0.0, count * BURST_SHARE - 1) * self._gap
        self._shared = shared
        self._local = LocalBucket(gap=self._gap, burst=self._burst)

    def acquire(self, *, longest_wait: float) -> Place:
        """Take the next place if it is at most `longest_wait` seconds away."""
        if self._shared is not None:
            try:
                return self._take_shared(self._shared, longest_wait)
            except SharedStateAway:
                return self._local.take(longest_wait=longest_wait)
        return self._local.take(longest_wait=longest_wait)

    def _take_shared(self, shared: SharedState, longest_wait: float) -> Place:
        lengths = (self._gap, self._burst, longest_wait, LONGEST_PARKING_SECONDS)
        arguments = [round(each * 1_000_000) for each in lengths]
        taken, wait = shared.run(_TAKE, key=self._key, arguments=arguments)
        return Place(is_taken=bool(taken), wait=wait / 1_000_000)
