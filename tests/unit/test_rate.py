"""The rate limit's arithmetic, with a clock that the test moves."""

import pytest

from notifier.rate import LocalBucket
from tests.unit.test_circuit import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_places_are_a_gap_apart(clock: Clock) -> None:
    bucket = LocalBucket(gap=0.1, burst=0, clock=clock)
    waits = [bucket.take(longest_wait=1).wait for _ in range(4)]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_burst_passes_at_once(clock: Clock) -> None:
    bucket = LocalBucket(gap=0.1, burst=0.2, clock=clock)
    waits = [bucket.take(longest_wait=1).wait for _ in range(4)]
    assert waits == pytest.approx([0, 0, 0, 0.1])


def test_nothing_is_saved_up_while_nobody_calls(clock: Clock) -> None:
    bucket = LocalBucket(gap=0.1, burst=0, clock=clock)
    bucket.take(longest_wait=1)
    clock.now += 3600
    waits = [bucket.take(longest_wait=1).wait for _ in range(2)]
    assert waits == pytest.approx([0, 0.1])


def test_who_waits_too_long_gets_no_place_and_a_time_of_his_own_to_return(clock: Clock) -> None:
    bucket = LocalBucket(gap=10, burst=0, clock=clock)
    assert bucket.take(longest_wait=1).is_taken
    away = [bucket.take(longest_wait=1) for _ in range(3)]
    assert [each.is_taken for each in away] == [False] * 3
    assert [each.wait for each in away] == pytest.approx([10, 20, 30])
    clock.now += 10
    assert bucket.take(longest_wait=1).is_taken
