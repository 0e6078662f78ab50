"""Is what this process depends on there? Asked in threads, so that no answer waits for it long."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from redis import Redis

from notifier.broker import open_connection
from notifier.replica import MAX_LAG_SECONDS, REPLICA, measure_lag
from notifier.tls_failure import describe_failure, explain_tls_failure
from notifier.topology import EMAIL_QUEUE, FAILED_QUEUE, PUSH_QUEUE, STATUS_QUEUE

log = structlog.get_logger(__name__)

LIMIT_SECONDS: Final = 1.0
# Later callers start anew: what hung may hang on a connection that is gone for good.
GIVEN_UP_SECONDS: Final = 10.0
IN_PROCESS: Final = "in process"
QUEUES: Final = (EMAIL_QUEUE, PUSH_QUEUE, STATUS_QUEUE, FAILED_QUEUE)
Probe = Callable[[], Any]


class Unhealthy(Exception):
    """What is wrong, in words that may be shown to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a probe found: its value, or why there is none."""

    value: Any = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """Messages that wait in a queue, and how many consumers it has."""

    messages: int
    consumers: int


def check_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def check_migrations() -> str:
    missing = _known_migrations() - set(MigrationRecorder(connection).applied_migrations())
    if missing:
        raise Unhealthy(f"{len(missing)} migrations have not been applied")
    return "ok"


def check_replica() -> str:
    lag = measure_lag()
    if lag is None:
        raise Unhealthy("does not follow the primary")
    if lag > MAX_LAG_SECONDS:
        raise Unhealthy(f"{lag:.0f} s behind the primary")
    return "ok"


def check_cache() -> str:
    """Ask Redis itself: the cache would hide that it is away."""
    if not settings.CACHE_URL:
        return IN_PROCESS
    with Redis.from_url(
        settings.CACHE_URL, socket_timeout=LIMIT_SECONDS, socket_connect_timeout=LIMIT_SECONDS
    ) as redis:
        redis.ping()
    return "ok"


def check_broker() -> str:
    """Connect and leave again: the web has no other business with the broker."""
    if not settings.IS_EMBEDDED:
        with open_connection():
            pass
    return IN_PROCESS if settings.IS_EMBEDDED else "ok"


def measure_queues() -> dict[str, QueueState]:
    """Return the state of each queue that exists; nothing is declared."""
    with open_connection() as broker:
        return {queue: state for queue in QUEUES if (state := _measure_queue(broker, queue))}


REQUIRED: Final[Mapping[str, Probe]] = {
    "database": check_database,
    "migrations": check_migrations,
}
OPTIONAL: Final[Mapping[str, Probe]] = {
    "broker": check_broker,
    "cache": check_cache,
    **({REPLICA: check_replica} if REPLICA in settings.DATABASES else {}),
}
# Where it is written which server a probe asks.
_SETTINGS: Final[Mapping[str, str]] = {
    "database": "DATABASE_URL",
    "migrations": "DATABASE_URL",
    "broker": "BROKER_URL",
    "queues": "BROKER_URL",
    "cache": "CACHE_URL",
    REPLICA: "DATABASE_REPLICA_URL",
}

_latest: dict[str, "_Run"] = {}
_lock = threading.Lock()


def find_out(
    probes: Mapping[str, Probe], *, limit: float = LIMIT_SECONDS, max_age: float = 0
) -> dict[str, Finding]:
    """Run probes side by side and return what they found within `limit` seconds.

    A probe that hangs is reported and left alone; for some seconds the next callers wait for the
    same run, so that a dependency that hangs for hours does not hold a thread for every caller.
    What was found up to `max_age` seconds ago is not asked again.
    """
    runs = {name: _join_run(name, probe, max_age=max_age) for name, probe in probes.items()}
    wait([run.future for run in runs.values()], timeout=limit)
    return {name: _read_run(name, run.future) for name, run in runs.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    probe: Probe
    future: "Future[Any]"
    began_at: float

    def still_serves(self, *, now: float, max_age: float) -> bool:
        age = now - self.began_at
        return age < max_age if self.future.done() else age < GIVEN_UP_SECONDS


def _join_run(name: str, probe: Probe, *, max_age: float) -> _Run:
    now = time.monotonic()
    with _lock:
        run = _latest.get(name)
        if run is None or not run.still_serves(now=now, max_age=max_age):
            run = _latest[name] = _Run(probe=probe, future=Future(), began_at=now)
            # Not an executor's thread: those are waited for when the process ends.
            threading.Thread(
                target=_perform_run, args=(run,), name=f"probe-{name}", daemon=True
            ).start()
    return run


def _perform_run(run: _Run) -> None:
    value, problem = None, None
    try:
        value = run.probe()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the finding
        problem = error
    connections.close_all()  # those of this thread
    if problem is None:
        run.future.set_result(value)
    else:
        run.future.set_exception(problem)


def _read_run(name: str, run: "Future[Any]") -> Finding:
    if not run.done():
        log.warning("probe_hangs", probe=name)
        return Finding(problem="no answer in time")
    error = run.exception()
    if error is None:
        return Finding(value=run.result())
    setting = _SETTINGS.get(name, name)
    log.warning("probe_failed", probe=name, **describe_failure(error, setting=setting))
    return Finding(problem=_word_problem(error, setting=setting))


def _word_problem(error: BaseException, *, setting: str) -> str:
    if isinstance(error, Unhealthy):
        return str(error)
    reason = explain_tls_failure(error)
    return f"{setting}: {reason}" if reason else "not reachable"


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.nodes)


def _measure_queue(broker: Any, queue: str) -> QueueState | None:
    channel = broker.channel()  # one each: asking for a queue that is missing closes the channel
    try:
        declared = channel.queue_declare(queue, passive=True)
    except broker.channel_errors:
        return None
    return QueueState(messages=declared.message_count, consumers=declared.consumer_count)
