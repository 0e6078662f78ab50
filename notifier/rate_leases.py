"""Units of large quotas, fetched from the shared counter by the handful.

A quota of tens of thousands is there for programs, whose posts a round trip each would slow down
by a tenth. A process fetches a thousandth of it at a time and spends that on its own: never more
than the quota is granted, and at most one handful for each process and slot is left unspent.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from notifier.quotas import Quota
from notifier.rate_limits import SLOTS, Grant, RateCounters
from notifier.shared_state import open_shared_state

SMALLEST_QUOTA: Final = 10_000  # below it every unit is fetched alone, and none is left unspent
HANDFULS: Final = 1000
LARGEST_MEMORY: Final = 10_000  # callers

Fetch = Callable[[Quota, str, int], Grant]


@dataclass(slots=True, kw_only=True)
class Lease:
    """`units` in hand until `ends_at`, and how much the shared counter has beside them."""

    units: int
    remaining: int
    ends_at: float
    renewed_at: float


class Leases:
    """What this process has in hand, by caller."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Lease] = OrderedDict()

    def take_one(self, quota: Quota, key: str) -> Grant:
        """Take one unit; from what is in hand, if there is any."""
        spent = self._spend(key)
        if spent is not None:
            return spent
        fetched = self._fetch(quota, key, quota.count // HANDFULS)
        if fetched.granted:
            self._hold(quota, key, fetched)
        one = min(1, fetched.granted)
        remaining = fetched.remaining + fetched.granted - one
        return Grant(granted=one, remaining=remaining, seconds=fetched.seconds)

    def _spend(self, key: str) -> Grant | None:
        now = self._clock()
        with self._lock:
            lease = self._held.get(key)
            if lease is None or not lease.units or now >= lease.ends_at:
                return None
            lease.units -= 1
            remaining = lease.remaining + lease.units
        seconds = max(1, math.ceil(lease.renewed_at - now))
        return Grant(granted=1, remaining=remaining, seconds=seconds)

    def _hold(self, quota: Quota, key: str, fetched: Grant) -> None:
        now = self._clock()
        lease = Lease(
            units=fetched.granted - 1,
            remaining=fetched.remaining,
            ends_at=now + quota.seconds / SLOTS,
            renewed_at=now + fetched.seconds,
        )
        with self._lock:
            before = self._held.pop(key, None)
            # Another thread may have fetched in the meantime: both handfuls are paid for.
            if before is not None and before.units and now < before.ends_at:
                lease.units += before.units
                lease.ends_at = min(lease.ends_at, before.ends_at)
            self._held[key] = lease
            while len(self._held) > LARGEST_MEMORY:
                self._held.popitem(last=False)


class CallerCounters:
    """What the API counts its callers with: leases for large quotas, the counters for others."""

    def __init__(self, counters: RateCounters) -> None:
        self.counters = counters
        self._leases = Leases(counters.take)

    def take_one(self, quota: Quota, key: str) -> Grant:
        if quota.count < SMALLEST_QUOTA:
            return self.counters.take(quota, key)
        return self._leases.take_one(quota, key)


@cache
def open_counters(url: str) -> CallerCounters:
    """Return this process's counters, in the Redis at `url` or without one."""
    return CallerCounters(RateCounters(open_shared_state(url)))
