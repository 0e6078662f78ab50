"""What follows from a provider's error: wait and try again, park, or give up."""

import random
from dataclasses import dataclass

from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
)

RETRY_AFTER_CAP_SECONDS = 3600.0
# How long a notification waits for an operator to mend credentials before it is tried again.
PARK_SECONDS = 60.0
JITTER = 0.2
# What is parked comes back within so much of its wait after its time, not all at once.
PARKING_SPREAD = 0.1
LONGEST_PARKING_SPREAD_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Spec section 5: base ** attempt seconds, capped, ± 20 %, so many retries and no more."""

    max_retries: int
    base_seconds: float
    cap_seconds: float

    def backoff(self, retry: int, *, spread: float) -> float:
        """Return the wait before retry number `retry` (1, 2, …); `spread` is from -1 to 1."""
        wait = min(self.base_seconds**retry, self.cap_seconds)
        return wait * (1 + JITTER * spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The status that an error leads to; `retry_in` seconds goes with `pending`."""

    status: str
    reason: str
    retry_in: float = 0
    counts_as_retry: bool = False
    in_doubt: bool = False


def judge(error: ProviderError, *, policy: RetryPolicy, retries: int, repeatable: bool) -> Verdict:
    """Decide what becomes of a notification that has used up `retries` retries so far.

    `repeatable` is False for `at_most_once`: what may have been taken is never sent again.
    """
    if isinstance(error, Misconfigured):
        return Verdict(status="pending", reason="misconfigured", retry_in=PARK_SECONDS)
    if isinstance(error, Permanent):
        return Verdict(status="failed", reason="permanent_error")
    in_doubt = isinstance(error, Uncertain)
    if in_doubt and not repeatable:
        return Verdict(status="failed", reason="in_doubt", in_doubt=True)
    if retries >= policy.max_retries:
        reason = "in_doubt" if in_doubt else "retries_exhausted"
        return Verdict(status="failed", reason=reason, in_doubt=in_doubt)
    return Verdict(
        status="pending",
        reason="in_doubt" if in_doubt else "retry",
        retry_in=_wait(error, policy, retries + 1),
        counts_as_retry=True,
        in_doubt=in_doubt,
    )


def park(*, reason: str, wait: float) -> Verdict:
    """Wait for a provider that takes no calls now: nobody's fault, so no retry is used up."""
    longest = min(wait * PARKING_SPREAD, LONGEST_PARKING_SPREAD_SECONDS)
    spread = random.uniform(0, longest)  # noqa: S311  # no secret
    return Verdict(status="pending", reason=reason, retry_in=wait + spread)


def _wait(error: ProviderError, policy: RetryPolicy, retry: int) -> float:
    wait = policy.backoff(retry, spread=random.uniform(-1, 1))  # noqa: S311  # jitter, no secret
    asked = error.retry_after if isinstance(error, Transient) else None
    return max(wait, min(asked or 0.0, RETRY_AFTER_CAP_SECONDS))
