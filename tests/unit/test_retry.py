"""What follows from each kind of error."""

import pytest

from apps.delivery.providers.contract import Misconfigured, Permanent, Transient, Uncertain
from apps.delivery.retry import PARK_SECONDS, RetryPolicy, judge

POLICY = RetryPolicy(max_retries=3, base_seconds=2, cap_seconds=300)


def test_waits_double_and_jitter_stays_within_a_fifth() -> None:
    assert [POLICY.backoff(retry, spread=0) for retry in (1, 2, 3)] == [2, 4, 8]
    assert POLICY.backoff(1, spread=1) == pytest.approx(2.4)
    assert POLICY.backoff(1, spread=-1) == pytest.approx(1.6)


def test_waits_are_capped() -> None:
    assert POLICY.backoff(20, spread=0) == POLICY.cap_seconds


def test_a_transient_error_is_retried_until_the_retries_are_used_up() -> None:
    error = Transient("busy", code="http_503")
    first = judge(error, policy=POLICY, retries=0, repeatable=True)
    last = judge(error, policy=POLICY, retries=3, repeatable=True)
    assert (first.status, first.reason, first.counts_as_retry) == ("pending", "retry", True)
    assert 1.6 <= first.retry_in <= 2.4
    assert (last.status, last.reason) == ("failed", "retries_exhausted")


def test_retry_after_is_honoured_up_to_an_hour() -> None:
    for asked, least, most in ((30.0, 30, 30), (10.0**9, 3600, 3600), (0.5, 1.6, 2.4)):
        error = Transient("busy", code="http_429", retry_after=asked)
        verdict = judge(error, policy=POLICY, retries=0, repeatable=True)
        assert least <= verdict.retry_in <= most


def test_a_permanent_error_fails_at_once() -> None:
    error = Permanent("no such user", code="smtp_550")
    verdict = judge(error, policy=POLICY, retries=0, repeatable=True)
    assert (verdict.status, verdict.reason) == ("failed", "permanent_error")


def test_wrong_credentials_park_without_using_up_a_retry() -> None:
    error = Misconfigured("bad password", code="authentication_failed")
    verdict = judge(error, policy=POLICY, retries=3, repeatable=True)
    assert (verdict.status, verdict.retry_in) == ("pending", PARK_SECONDS)
    assert not verdict.counts_as_retry


def test_an_uncertain_outcome_is_repeated_only_when_it_may_be() -> None:
    error = Uncertain("no answer", code="timeout")
    again = judge(error, policy=POLICY, retries=0, repeatable=True)
    never = judge(error, policy=POLICY, retries=0, repeatable=False)
    assert (again.status, again.reason, again.in_doubt) == ("pending", "in_doubt", True)
    assert (never.status, never.reason, never.in_doubt) == ("failed", "in_doubt", True)
