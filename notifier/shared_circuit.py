"""The circuit that all processes share: the rules of `notifier.circuits` as Lua in Redis.

A hash per breaker: `until` (there while the circuit is not closed; a trial may begin after it),
`since` (when it opened first), `trial` and `trial_until`, `fails` and `failed_at`, `paused_until`,
`reason`. Times are in milliseconds of Redis' own clock.
"""

import math
from typing import Any, Final, cast

from notifier.circuits import (
    FAILURES,
    Admission,
    BreakerView,
    CircuitRules,
    State,
    describe_circuit,
)
from notifier.shared_state import SharedState

PREFIX: Final = "notifier:breaker:"

# KEEP: what nobody has touched for a day after its time is over is forgotten.
_PRELUDE: Final = """
local KEEP = 86400000
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function open_until(till, why)
  redis.call('HSET', KEYS[1], 'until', till, 'reason', why)
  redis.call('HSETNX', KEYS[1], 'since', now)
  redis.call('HDEL', KEYS[1], 'fails', 'failed_at', 'trial', 'trial_until')
  redis.call('PEXPIRE', KEYS[1], till - now + KEEP)
end
"""

# ARGV: token, milliseconds of a trial. Answers: verdict, milliseconds to wait, failures.
_ADMIT: Final = (
    _PRELUDE
    + """
local h = redis.call('HMGET', KEYS[1], 'until', 'trial_until', 'paused_until', 'fails')
if h[3] and now < tonumber(h[3]) then return {'paused', tonumber(h[3]) - now, 0} end
if not h[1] then return {'closed', 0, tonumber(h[4] or 0)} end
if now < tonumber(h[1]) then return {'open', tonumber(h[1]) - now, 0} end
if h[2] and now < tonumber(h[2]) then return {'half_open', tonumber(h[2]) - now, 0} end
redis.call('HSET', KEYS[1], 'trial', ARGV[1], 'trial_until', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2] + KEEP)
return {'trial', 0, 0}"""
)

# ARGV: token; ok, failed or unmade; threshold; window; reset (milliseconds); reason.
# Answers the state that it led to, '' where it changed nothing.
_REPORT: Final = (
    _PRELUDE
    + """
local h = redis.call('HMGET', KEYS[1], 'until', 'trial', 'fails', 'failed_at')
if not h[1] then
  if ARGV[2] == 'ok' then redis.call('HDEL', KEYS[1], 'fails', 'failed_at') end
  if ARGV[2] ~= 'failed' then return '' end
  local fails = 1
  if h[4] and now - h[4] <= tonumber(ARGV[4]) then fails = h[3] + 1 end
  redis.call('HSET', KEYS[1], 'fails', fails, 'failed_at', now)
  redis.call('PEXPIRE', KEYS[1], KEEP)
  if fails < tonumber(ARGV[3]) then return '' end
elseif h[2] ~= ARGV[1] then
  return ''
elseif ARGV[2] == 'unmade' then
  redis.call('HDEL', KEYS[1], 'trial', 'trial_until')
  return ''
elseif ARGV[2] == 'ok' then
  redis.call('HDEL', KEYS[1], 'until', 'since', 'reason', 'trial', 'trial_until')
  return 'closed'
end
open_until(now + ARGV[5], ARGV[6])
return 'open'"""
)

# ARGV: milliseconds, reason.
_FORCE_OPEN: Final = (
    _PRELUDE
    + """
local till = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
open_until(math.max(till, now + ARGV[1]), ARGV[2])"""
)

# ARGV: milliseconds.
_PAUSE: Final = (
    _PRELUDE
    + """
local till = tonumber(redis.call('HGET', KEYS[1], 'paused_until') or 0)
redis.call('HSET', KEYS[1], 'paused_until', math.max(till, now + ARGV[1]))
redis.call('PEXPIRE', KEYS[1], ARGV[1] + KEEP)"""
)
_RESET: Final = "return redis.call('DEL', KEYS[1])"
_VIEW: Final = (
    _PRELUDE
    + """
local names = {'until', 'trial_until', 'paused_until', 'fails', 'reason', 'since'}
local h = redis.call('HMGET', KEYS[1], unpack(names))
local open_for, since = '', ''
if h[1] then open_for = h[1] - now end
if h[6] then since = now - h[6] end
return {open_for, (h[2] or 0) - now, (h[3] or 0) - now, tonumber(h[4] or 0), h[5] or '', since}"""
)


class SharedCircuit:
    """One breaker's circuit in Redis; every method raises SharedStateAway when it is away."""

    def __init__(self, name: str, rules: CircuitRules, shared: SharedState) -> None:
        self._key = PREFIX + name
        self._rules = rules
        self._shared = shared

    def admit(self, token: str) -> Admission:
        verdict, wait, failures = self._run(_ADMIT, token, _ms(self._rules.trial_seconds))
        return Admission(
            verdict=cast("Any", verdict.decode()), wait=wait / 1000, failures=int(failures)
        )

    def report(self, token: str, *, ok: bool | None) -> State | None:
        led_to: bytes = self._run(
            _REPORT,
            token,
            {True: "ok", False: "failed", None: "unmade"}[ok],
            self._rules.threshold,
            _ms(self._rules.window_seconds),
            _ms(self._rules.reset_seconds),
            FAILURES,
        )
        return cast("State", led_to.decode()) if led_to else None

    def force_open(self, seconds: float, *, reason: str) -> None:
        self._run(_FORCE_OPEN, _ms(seconds), reason)

    def pause(self, seconds: float) -> None:
        self._run(_PAUSE, _ms(seconds))

    def reset(self) -> None:
        self._run(_RESET)

    def view(self, name: str) -> BreakerView:
        open_for, trial_for, paused_for, failures, reason, since = self._run(_VIEW)
        return describe_circuit(
            name,
            open_for=None if open_for == b"" else open_for / 1000,
            trial_for=trial_for / 1000,
            paused_for=paused_for / 1000,
            failures=int(failures),
            reason=reason.decode(),
            is_shared=True,
            opened_ago=None if since == b"" else since / 1000,
        )

    def _run(self, script: str, *arguments: Any) -> Any:
        return self._shared.run(script, key=self._key, arguments=arguments)


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)
