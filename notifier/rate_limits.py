"""Counters of what callers did lately: one for all processes in Redis, one's own while it is away.

A sliding window in ten slots: of any nine tenths of `Quota.seconds`, no caller gets more than
`Quota.count` units, and whoever waits the whole time has its whole quota again. (Windows that
begin at fixed times let twice the quota through at their border.) One Lua script, so that
concurrent requests cannot both take the last unit: one round trip, none where the limit is off,
and next to none for the large quotas of programs (`notifier.rate_leases`).

Not django-ratelimit: with Redis away it answers 500, also with RATELIMIT_FAIL_OPEN, or, behind a
forgiving cache, has no limit; it counts in fixed windows, takes two commands for each, refuses
with 403, and tells neither what is left nor when to come again, as the RateLimit fields and
Retry-After must.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from notifier.quotas import Quota
from notifier.shared_state import SharedState, SharedStateAway

PREFIX: Final = "notifier:limit:"
SLOTS: Final = 10
KEYS_AT_ONCE: Final = 500  # Redis does nothing else while a script runs
LARGEST_LOCAL: Final = 50_000  # callers that one process remembers: some 10 MB

# KEYS: hashes {slot: units}. ARGV: quota, slot length in ms, then the units wanted of each key.
# Answers for each key: granted, used after that, ms until the oldest units are forgotten.
_TAKE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local quota, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local slot, answers = math.floor(now / length), {}
for i, key in ipairs(KEYS) do
  local flat, used, oldest = redis.call('HGETALL', key), 0, slot
  for j = 1, #flat, 2 do
    local at, units = tonumber(flat[j]), tonumber(flat[j + 1])
    if at <= slot - SLOTS then
      redis.call('HDEL', key, flat[j])
    else
      used = used + units
      if units > 0 and at < oldest then oldest = at end
    end
  end
  local granted = math.min(tonumber(ARGV[2 + i]), math.max(0, quota - used))
  if granted ~= 0 then
    redis.call('HINCRBY', key, string.format('%.0f', slot), granted)
    redis.call('PEXPIRE', key, SLOTS * length)
  end
  answers[3 * i - 2], answers[3 * i - 1] = granted, used + granted
  answers[3 * i] = (oldest + SLOTS) * length - now
end
return answers""".replace("SLOTS", str(SLOTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`granted` of the units asked for; `remaining` until `seconds` (whole, never 0) have passed.

    With nothing granted, `seconds` is how long to wait before asking again.
    """

    granted: int
    remaining: int
    seconds: int


class LocalCounters:
    """The same arithmetic for one process; forgets who was quiet for longest when it is full."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._units: OrderedDict[str, dict[int, int]] = OrderedDict()

    def take(self, quota: Quota, key: str, wanted: int) -> Grant:
        length = quota.seconds / SLOTS
        with self._lock:
            now = self._clock()
            slot = int(now // length)
            units = self._recall(key, since=slot - SLOTS)
            used = sum(units.values())
            granted = min(wanted, max(0, quota.count - used))
            units[slot] = units.get(slot, 0) + granted
            oldest = min((at for at, each in units.items() if each > 0), default=slot)
        wait = (oldest + SLOTS) * length - now
        return describe_grant(quota, granted=granted, used=used + granted, wait=wait)

    def _recall(self, key: str, *, since: int) -> dict[int, int]:
        """Return the units of `key` after the slot `since`, as the caller used last."""
        known = self._units.pop(key, {})
        self._units[key] = {at: each for at, each in known.items() if at > since}
        while len(self._units) > LARGEST_LOCAL:
            self._units.popitem(last=False)
        return self._units[key]


class RateCounters:
    """Takes units from callers' quotas: in Redis, or in this process where there is none."""

    def __init__(self, shared: SharedState | None) -> None:
        self._shared = shared
        self._local = LocalCounters()

    def take(self, quota: Quota, key: str, wanted: int = 1) -> Grant:
        """Take `wanted` units now, or as many as are left; less than 0 gives back."""
        return self.take_each(quota, {key: wanted})[key]

    def take_each(self, quota: Quota, wanted: Mapping[str, int]) -> dict[str, Grant]:
        """Take units from the quotas of several callers, as `take` for each."""
        left = iter(wanted.items())
        taken: dict[str, Grant] = {}
        while some := dict(islice(left, KEYS_AT_ONCE)):
            taken |= self._take_some(quota, some)
        return taken

    def _take_some(self, quota: Quota, wanted: Mapping[str, int]) -> dict[str, Grant]:
        if self._shared is not None:
            try:
                return _take_shared(self._shared, quota, wanted)
            except SharedStateAway:  # which has been logged, once
                pass
        return {key: self._local.take(quota, key, units) for key, units in wanted.items()}


def describe_grant(quota: Quota, *, granted: int, used: int, wait: float) -> Grant:
    remaining = min(quota.count, max(0, quota.count - used))
    return Grant(granted=granted, remaining=remaining, seconds=max(1, math.ceil(wait)))


def _take_shared(shared: SharedState, quota: Quota, wanted: Mapping[str, int]) -> dict[str, Grant]:
    length = quota.seconds * 1000 // SLOTS
    keys = [PREFIX + key for key in wanted]
    found: Sequence[int] = shared.run_on(_TAKE, keys, [quota.count, length, *wanted.values()])
    answers = zip(wanted, found[0::3], found[1::3], found[2::3], strict=True)
    return {
        key: describe_grant(quota, granted=granted, used=used, wait=wait / 1000)
        for key, granted, used, wait in answers
    }
