"""The counters on a real Redis: exact, sliding, and never without a limit."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from deploy.local.servers import Redis
from notifier import rate_limits
from notifier.quotas import Quota, parse_quota
from notifier.rate_leases import CallerCounters, Leases
from notifier.rate_limits import Grant, LocalCounters, RateCounters
from notifier.shared_state import LEFT_ALONE_SECONDS, SharedState

FIVE = Quota(count=5, seconds=900)
BRIEF = Quota(count=5, seconds=1)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that a test may stop; nobody else is on it."""
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture(params=["redis", "process"])
def counters(request: pytest.FixtureRequest) -> RateCounters:
    if request.param == "process":
        return RateCounters(None)
    return RateCounters(SharedState(request.getfixturevalue("own_redis").url))


def take(counters: RateCounters, times: int, quota: Quota = FIVE, key: str = "ada") -> list[int]:
    return [counters.take(quota, key).granted for _ in range(times)]


def test_a_quota_is_granted_and_nothing_after_it(counters: RateCounters) -> None:
    assert take(counters, 7) == [1] * 5 + [0] * 2
    refused = counters.take(FIVE, "ada")
    assert (refused.granted, refused.remaining) == (0, 0)
    assert 810 <= refused.seconds <= 900
    assert take(counters, 1, key="bob") == [1]


def test_what_is_left_is_said(counters: RateCounters) -> None:
    assert [counters.take(FIVE, "ada").remaining for _ in range(6)] == [4, 3, 2, 1, 0, 0]


def test_a_whole_quota_is_back_when_its_time_is_over(counters: RateCounters) -> None:
    take(counters, 6, BRIEF)
    time.sleep(BRIEF.seconds)
    assert take(counters, 6, BRIEF) == [1] * 5 + [0]


def test_the_border_of_a_window_lets_nobody_have_it_twice(counters: RateCounters) -> None:
    granted: list[float] = []
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        if counters.take(BRIEF, "ada").granted:
            granted.append(time.monotonic())
        time.sleep(0.005)
    spans = [later - earlier for earlier, later in zip(granted, granted[5:], strict=False)]
    assert len(granted) > 5
    assert min(spans) > 0.88


def test_asking_in_vain_does_not_put_off_the_end(counters: RateCounters) -> None:
    first = time.monotonic()
    while sum(take(counters, 1, BRIEF)) or time.monotonic() - first < 0.5:
        time.sleep(0.01)
    while not sum(take(counters, 1, BRIEF)):
        time.sleep(0.01)
    assert time.monotonic() - first < 1.2


def test_many_at_once_get_exactly_the_quota(counters: RateCounters) -> None:
    hundred = Quota(count=100, seconds=900)
    with ThreadPoolExecutor(16) as pool:
        granted = list(pool.map(lambda _: counters.take(hundred, "ada").granted, range(320)))
    assert sum(granted) == 100


def test_what_is_given_back_can_be_taken_again(counters: RateCounters) -> None:
    take(counters, 5)
    assert counters.take(FIVE, "ada", -1).remaining == 1
    assert take(counters, 2) == [1, 0]


def test_several_callers_are_asked_for_in_one_go(
    counters: RateCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "KEYS_AT_ONCE", 2)
    taken = counters.take_each(FIVE, {"ada": 2, "bob": 9, "eve": 1})
    assert {key: each.granted for key, each in taken.items()} == {"ada": 2, "bob": 5, "eve": 1}


def test_a_stopped_redis_leaves_a_limit_in_the_process_and_is_told_once(own_redis: Redis) -> None:
    counters = RateCounters(SharedState(own_redis.url))
    take(counters, 5)
    own_redis.kill()
    with capture_logs() as logs:
        assert take(counters, 7) == [1] * 5 + [0] * 2
        own_redis.start()
        time.sleep(LEFT_ALONE_SECONDS)
        assert take(counters, 7) == [1] * 5 + [0] * 2  # a new Redis, which knows nothing
    told = [entry["event"] for entry in logs]
    assert told == ["shared_state_away_using_local", "shared_state_back"]


def test_a_paused_redis_costs_a_moment_once(own_redis: Redis) -> None:
    counters = RateCounters(SharedState(own_redis.url))
    take(counters, 1)
    own_redis.pause()
    try:
        begun_at = time.monotonic()
        assert sum(take(counters, 50)) == 5
        assert time.monotonic() - begun_at < 1
    finally:
        own_redis.resume()


def test_a_flushed_redis_begins_anew_and_keeps_limiting(own_redis: Redis) -> None:
    counters = RateCounters(SharedState(own_redis.url))
    take(counters, 5)
    with redis.Redis.from_url(own_redis.url) as operator:
        operator.flushall()
        operator.script_flush()
    assert take(counters, 7) == [1] * 5 + [0] * 2


def test_two_processes_count_together(own_redis: Redis) -> None:
    one, other = (RateCounters(SharedState(own_redis.url)) for _ in range(2))
    assert take(one, 3) + take(other, 3) == [1] * 5 + [0]


def test_a_large_quota_is_fetched_by_the_handful_and_never_exceeded(own_redis: Redis) -> None:
    large = Quota(count=20_000, seconds=900)
    processes = [CallerCounters(RateCounters(SharedState(own_redis.url))) for _ in range(2)]
    with redis.Redis.from_url(own_redis.url) as operator:
        before = operator.info("commandstats")
        granted = [
            sum(each.take_one(large, "key").granted for _ in range(12_000)) for each in processes
        ]
        after = operator.info("commandstats")
    assert granted == [12_000, 8_000]
    assert processes[0].take_one(large, "key").granted == 0
    calls = (
        after["cmdstat_evalsha"]["calls"] - before.get("cmdstat_evalsha", {"calls": 0})["calls"]
    )
    assert calls <= 20_000 / 20 + 4_000 + 2  # those that are refused ask each time


def test_what_is_in_hand_ends_with_its_slot() -> None:
    now = 1000.0
    leases = Leases(RateCounters(None).take, clock=lambda: now)
    large = Quota(count=20_000, seconds=900)
    assert [leases.take_one(large, "key").remaining for _ in range(3)] == [19_999, 19_998, 19_997]
    now += 91
    assert leases.take_one(large, "key").remaining == 19_979  # the other 17 are lost


def test_what_two_threads_fetch_at_once_is_all_in_hand() -> None:
    large = Quota(count=20_000, seconds=900)
    counters = RateCounters(None)
    fetches: list[Grant] = []

    def fetch(quota: Quota, key: str, units: int) -> Grant:
        fetched = counters.take(quota, key, units)
        fetches.append(fetched)
        if len(fetches) == 1:  # another thread comes while this one waits for its answer
            leases.take_one(large, "key")
        return fetched

    leases = Leases(fetch, clock=lambda: 1000.0)
    for _ in range(39):
        leases.take_one(large, "key")
    assert len(fetches) == 2


def test_nothing_stays_in_redis_for_longer_than_its_time(own_redis: Redis) -> None:
    take(RateCounters(SharedState(own_redis.url)), 1, BRIEF)
    with redis.Redis.from_url(own_redis.url) as operator:
        assert operator.dbsize() == 1
        time.sleep(BRIEF.seconds + 0.1)
        assert operator.dbsize() == 0


def test_a_process_remembers_so_many_and_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "LARGEST_LOCAL", 3)
    local = LocalCounters()
    for name in ("ada", "bob", "ada", "eve", "joe"):
        local.take(FIVE, name, 1)
    assert local.take(FIVE, "ada", 1).remaining == 2
    assert local.take(FIVE, "bob", 1).remaining == 4


@pytest.mark.parametrize(
    ("text", "count", "seconds"), [("100/15m", 100, 900), ("5/s", 5, 1), ("20/2h", 20, 7200)]
)
def test_a_quota_is_written_as_a_count_and_a_time(text: str, count: int, seconds: int) -> None:
    assert parse_quota(text) == Quota(count=count, seconds=seconds)


def test_a_quota_may_be_off() -> None:
    assert parse_quota("off") is None


@pytest.mark.parametrize("text", ["", "0/m", "100", "100/0m", "-1/m", "1e3/m", "100/w", "٣/m"])
def test_what_is_no_quota_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        parse_quota(text)
