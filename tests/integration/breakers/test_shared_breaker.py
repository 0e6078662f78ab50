"""Breaker and rate limit on a real Redis: many processes act as one, and one acts alone."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deploy.local.servers import Redis
from notifier.breaker import Breaker, CircuitOpen, CircuitRules, Permit
from notifier.circuits import Circuit
from notifier.rate import RateLimiter
from notifier.shared_circuit import SharedCircuit
from notifier.shared_state import LEFT_ALONE_SECONDS, SharedState
from tests.integration.breakers.rules import NEVER, RESET_SECONDS, THRESHOLD
from tests.standins.processes import MailApiService

PROJECT = Path(__file__).parents[3]
PROCESSES = 4
HAMMER_SECONDS = 3.5
RULES = CircuitRules(threshold=3, reset_seconds=0.3, trial_seconds=0.5, window_seconds=0.5)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that a test may stop; nobody else is on it."""
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def shared(own_redis: Redis) -> SharedState:
    return SharedState(own_redis.url)


@pytest.fixture
def circuit(shared: SharedState) -> Circuit:
    return SharedCircuit("p", RULES, shared)


@pytest.fixture
def mail_api(tmp_path: Path) -> Iterator[MailApiService]:
    service = MailApiService(tmp_path / "mail-api")
    service.start()
    yield service
    service.kill()


def fail(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        circuit.admit("a")
        circuit.report("a", ok=False)


def run_processes(module: str, *arguments: str, count: int) -> list[str]:
    """Run a module in so many processes at once and return what each printed."""
    processes = [
        subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", f"tests.integration.breakers.{module}", *arguments],
            cwd=PROJECT,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    printed = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return printed


def test_in_redis_the_circuit_follows_the_same_rules(circuit: Circuit) -> None:
    fail(circuit, 2)
    circuit.report("a", ok=True)
    fail(circuit, 2)
    time.sleep(RULES.window_seconds + 0.05)
    fail(circuit, 2)
    assert circuit.admit("a").verdict == "closed"
    fail(circuit, 1)
    opened = circuit.admit("b")
    assert opened.verdict == "open"
    assert opened.wait == pytest.approx(0.3, abs=0.1)
    assert circuit.report("a", ok=True) is None
    assert circuit.view("p").state == "open"
    time.sleep(0.3)
    assert circuit.view("p").state == "half_open"
    assert [circuit.admit(token).verdict for token in ("t", "u")] == ["trial", "half_open"]
    assert circuit.report("u", ok=False) is None
    assert circuit.report("t", ok=False) == "open"
    assert circuit.view("p").opened_ago == pytest.approx(0.35, abs=0.15)
    time.sleep(0.35)
    assert circuit.admit("dead").verdict == "trial"
    time.sleep(RULES.trial_seconds + 0.05)
    assert circuit.admit("unmade").verdict == "trial"
    circuit.report("unmade", ok=None)
    assert circuit.admit("last").verdict == "trial"
    assert circuit.report("dead", ok=True) is None
    assert circuit.report("last", ok=True) == "closed"
    assert circuit.view("p").opened_ago is None
    assert circuit.admit("z").verdict == "closed"


def test_in_redis_it_is_forced_open_paused_and_reset(circuit: Circuit) -> None:
    circuit.force_open(60, reason="misconfigured")
    circuit.force_open(5, reason="misconfigured")
    view = circuit.view("p")
    assert (view.state, view.reason, view.is_shared) == ("open", "misconfigured", True)
    assert 59 < view.retry_after <= 60
    circuit.reset()
    circuit.pause(30)
    assert circuit.admit("a").verdict == "paused"
    view = circuit.view("p")
    assert (view.state, view.reason, view.is_paused) == ("closed", "rate_limited", True)
    circuit.reset()
    assert circuit.admit("a").verdict == "closed"


def test_four_processes_spare_an_ill_provider_and_try_it_one_at_a_time(
    own_redis: Redis, mail_api: MailApiService
) -> None:
    mail_api.behave(fail_always=True, fault="status", code=503, latency_ms=20)
    unprotected = hammer(own_redis, mail_api, threshold=NEVER)
    SharedState(own_redis.url).run("return redis.call('FLUSHALL')", key="")
    calls = hammer(own_redis, mail_api, threshold=THRESHOLD)
    assert len(mail_api.messages()) == len(unprotected) + len(calls)
    assert len(calls) <= len(unprotected) * 0.05, (len(calls), len(unprotected))
    trials = sorted(begun_at for begun_at, is_trial in calls if is_trial)
    assert len(trials) >= 2
    gaps = [after - before for before, after in pairwise(trials)]
    assert min(gaps) >= RESET_SECONDS  # never two in one half-open time


def hammer(redis: Redis, mail_api: MailApiService, *, threshold: int) -> list[tuple[float, bool]]:
    """Let the processes call and return their calls: when, and was it a trial."""
    url = f"{mail_api.url}/v3/mail/send"
    arguments = (redis.url, url, str(HAMMER_SECONDS), str(threshold))
    printed = run_processes("hammer", *arguments, count=PROCESSES)
    lines = [line.split() for text in printed for line in text.splitlines()]
    calls = [fields for fields in lines if fields[0] == "call"]  # the rest is the log
    return [(float(begun_at), is_trial == "1") for _, begun_at, is_trial in calls]


def test_many_processes_keep_to_one_rate(own_redis: Redis) -> None:
    printed = run_processes("pacer", own_redis.url, "20", "5", count=2)
    taken = sorted(float(line) for text in printed for line in text.splitlines())
    assert all(text.strip() for text in printed), "one process took every place"
    rate = (len(taken) - 1) / (taken[-1] - taken[0])
    assert 16 <= rate <= 24


def test_a_process_without_redis_goes_on_alone_and_says_so_once(own_redis: Redis) -> None:
    breaker = Breaker("p", rules=RULES, shared=SharedState(own_redis.url))
    report_failures(breaker, 1)
    own_redis.kill()
    with capture_logs() as logs:
        begun_at = time.monotonic()
        report_failures(breaker, 3)
        with pytest.raises(CircuitOpen):
            breaker.admit()
        assert time.monotonic() - begun_at < 1
        assert not breaker.state().is_shared
        own_redis.start()
        time.sleep(LEFT_ALONE_SECONDS)
        assert breaker.state().is_shared
    told = [entry["event"] for entry in logs]
    assert told.count("shared_state_away_using_local") == 1
    assert told.count("shared_state_back") == 1


def test_a_redis_that_hangs_costs_a_moment_once(own_redis: Redis) -> None:
    shared = SharedState(own_redis.url)
    breaker = Breaker("p", rules=RULES, shared=shared)
    limiter = RateLimiter("p", count=1, seconds=10, shared=shared)
    breaker.admit()
    own_redis.pause()
    try:
        begun_at = time.monotonic()
        permits: list[Permit] = [breaker.admit() for _ in range(20)]
        assert limiter.acquire(longest_wait=1).is_taken
        assert not limiter.acquire(longest_wait=1).is_taken
        assert time.monotonic() - begun_at < 1
    finally:
        own_redis.resume()
    assert len({permit.token for permit in permits}) == 20


def test_what_redis_said_last_holds_while_it_is_away(own_redis: Redis) -> None:
    breaker = Breaker("p", rules=RULES, shared=SharedState(own_redis.url))
    breaker.force_open(30, reason="misconfigured")
    with pytest.raises(CircuitOpen):
        breaker.admit()
    own_redis.kill()
    with pytest.raises(CircuitOpen) as refused:
        breaker.admit()
    assert refused.value.retry_after > 25


def test_once_it_is_open_no_thread_trusts_what_it_heard_before(own_redis: Redis) -> None:
    breaker = Breaker("p", rules=RULES, shared=SharedState(own_redis.url))
    for _ in range(5):
        breaker.reset()
        stop = threading.Event()
        with ThreadPoolExecutor(8) as pool:
            last = [pool.submit(admit_until, stop, breaker) for _ in range(8)]
            time.sleep(0.1)
            breaker.force_open(30, reason="misconfigured")
            opened_at = time.monotonic()
            time.sleep(0.1)
            stop.set()
        assert max(future.result() for future in last) <= opened_at


def admit_until(stop: threading.Event, breaker: Breaker) -> float:
    """Return when the last call that was admitted asked."""
    asked_at = admitted_at = 0.0
    while not stop.is_set():
        asked_at = time.monotonic()
        with suppress(CircuitOpen):
            breaker.admit()
            admitted_at = asked_at
    return admitted_at


def report_failures(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.report(breaker.admit(), ok=False)
