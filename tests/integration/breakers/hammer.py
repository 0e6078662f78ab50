"""A worker of the breaker tests: calls an ill provider through a breaker, as fast as it may.

`python -m tests.integration.breakers.hammer REDIS_URL PROVIDER_URL SECONDS THRESHOLD` prints the
calls that it made, one a line: when each began, and 1 for a trial.
"""

import sys
import time

import requests

from notifier.breaker import Breaker, CircuitOpen, CircuitRules
from notifier.shared_state import open_shared_state
from tests.integration.breakers.rules import RESET_SECONDS

PAUSE_SECONDS = 0.005


def hammer(breaker: Breaker, url: str, *, seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    with requests.Session() as session:
        while time.monotonic() < ends_at:
            try:
                permit = breaker.admit()
            except CircuitOpen:
                time.sleep(PAUSE_SECONDS)
                continue
            begun_at = time.time()
            answer = session.post(url, json={}, timeout=5)
            sys.stdout.write(f"call {begun_at} {int(permit.is_trial)}\n")
            breaker.report(permit, ok=answer.ok)
            time.sleep(PAUSE_SECONDS)


def main() -> None:
    redis_url, provider_url, seconds, threshold = sys.argv[1:]
    rules = CircuitRules(threshold=int(threshold), reset_seconds=RESET_SECONDS, trial_seconds=10)
    breaker = Breaker("hammered", rules=rules, shared=open_shared_state(redis_url))
    hammer(breaker, provider_url, seconds=float(seconds))


if __name__ == "__main__":
    main()
