"""What a process counts about notifications (spec section 8), and the lines of the log with it.

What is a fact of the database (backlog, dead letters, breakers, queues) is read at the scrape.
"""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Final, TypeVar

import structlog
from prometheus_client import Counter, Histogram

from notifier.metric_files import prepare_directory
from notifier.tracing import trace_call

log = structlog.get_logger(__name__)

_RESULTS: Final = frozenset({"transient", "permanent", "misconfigured", "uncertain"})
# A quiet installation sends in 20 ms; five minutes late is late enough to be told apart no more.
_WAITS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, float("inf"))

prepare_directory()  # a counter opens its file when it is made
_accepted = Counter("notifier_accepted", "Notifications that were accepted", ["channel"])
_outcomes = Counter(
    "notifier_outcomes", "What became of notifications", ["channel", "provider", "status"]
)
_attempts = Counter(
    "notifier_attempts", "Calls of providers by result", ["channel", "provider", "result"]
)
_accept_to_sent = Histogram(
    "notifier_accept_to_sent_seconds",
    "From the acceptance (of what is scheduled: from its time) until a provider took it",
    buckets=_WAITS,
)
_provider_seconds = Histogram("notifier_provider_seconds", "Time of calls", ["provider"])
_in_doubt = Counter(
    "notifier_in_doubt", "Attempts of which nobody knows what came of them", ["channel"]
)
_published = Counter("notifier_relay_published", "Notifications handed to the broker")
_hits = Counter("notifier_cache_hits", "Reads that the cache answered", ["kind"])
_misses = Counter("notifier_cache_misses", "Reads that it did not answer", ["kind"])

_Metric = TypeVar("_Metric", Counter, Histogram)


@cache
def _child(metric: _Metric, *labels: str) -> _Metric:
    """Return a metric with its labels, of which there are few: asking costs more than counting."""
    return metric.labels(*labels)


def count_accepted(channels: Iterable[str]) -> None:
    """Count notifications that were stored, one for each channel that is named."""
    for channel, count in Tally(channels).items():
        _child(_accepted, channel).inc(count)


def count_outcomes(outcomes: Iterable[tuple[str, str, str]]) -> None:
    """Count what became of notifications: channel, provider, status. A retry is no outcome."""
    for (channel, provider, status), count in Tally(outcomes).items():
        if status != "pending":
            _child(_outcomes, channel, provider, status).inc(count)


def observe_sent(*, since: datetime, sent_at: datetime) -> None:
    _accept_to_sent.observe(max(0.0, (sent_at - since).total_seconds()))


def count_in_doubt(channels: Iterable[str]) -> None:
    for channel, count in Tally(channels).items():
        _child(_in_doubt, channel).inc(count)


def count_published(count: int) -> None:
    _published.inc(count)


def count_cache_read(kind: str, *, is_hit: bool) -> None:
    """Count one read of the cache; `kind` is what was asked for, and never whose."""
    _child(_hits if is_hit else _misses, kind).inc()


@contextmanager
def observe_call(*, channel: str, provider: str) -> Iterator[None]:
    """Count, time and trace one call of a provider; what goes through tells the result.

    The results are sent and the kinds of errors: transient, permanent, misconfigured, uncertain;
    anything else is a bug.
    """
    begun_at, result = time.perf_counter(), "sent"
    try:
        with trace_call(provider=provider, channel=channel):
            yield
    except Exception as error:
        name = type(error).__name__.lower()
        result = name if name in _RESULTS else "bug"
        raise
    finally:
        seconds = time.perf_counter() - begun_at
        _child(_attempts, channel, provider, result).inc()
        _child(_provider_seconds, provider).observe(seconds)
        log.debug("provider_called", provider=provider, result=result, seconds=round(seconds, 4))
