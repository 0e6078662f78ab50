"""Tracing at its edges: off, a process that ends or forks, a collector that is away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from deploy.local.ports import pick_free_port
from tests.e2e.collector import Collector

SETUP = "import django, sys; django.setup()\n"
OFF = """
import config.wsgi, config.celery, apps.notifications.relay, apps.delivery.tasks
from uuid import uuid4
from notifier.tracing import current_traceparent, trace_call, trace_delivery, trace_publishing
from apps.notifications.models import Notification
row = Notification(id=uuid4())
with trace_call(provider="p", channel="email"), trace_delivery(row, channel="email"):
    with trace_publishing([row], queue="q"):
        print(current_traceparent() == "")
ours = ("opentelemetry.exporter", "notifier.tracing_")  # the client of Redis imports the rest
print([name for name in sys.modules if name.startswith(ours)])
"""
ENDING = """
import os
from notifier.tracing import trace_delivery, flush_traces
from apps.notifications.models import Notification
KEY = "01890000-0000-7000-8000-000000000000"
def deliver():
    for traceparent in sys.argv[1:]:
        with trace_delivery(Notification(id=KEY, traceparent=traceparent), channel="email"):
            pass
deliver()
if not (child := os.fork()):
    deliver()
    flush_traces()
    os._exit(0)  # as Celery's children end
os.waitpid(child, 0)
"""
WEB = """
from django.http import HttpResponse
from django.test import RequestFactory
from notifier.tracing import flush_traces
from notifier.tracing_web import TraceMiddleware
answer = TraceMiddleware(lambda request: HttpResponse(status=404))
for traceparent in sys.argv[1:]:
    answer(RequestFactory().get("/no-such-page", headers={"traceparent": traceparent}))
flush_traces()
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"
LOWEST = "00-00000000000000000000000000000001-b7ad6b7169203331-01"  # below every ratio
UNSAMPLED = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def run(
    code: str, *arguments: str, endpoint: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **variables,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", SETUP + code, *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_without_a_collector_nothing_of_tracing_is_imported() -> None:
    assert run(OFF).stdout.split() == ["True", "[]"]


def test_a_process_that_ends_or_was_forked_hands_over_what_the_caller_samples(
    collector: Collector,
) -> None:
    run(ENDING, SAMPLED, UNSAMPLED, "damaged", endpoint=collector.url)
    found = [(span.name, span.trace) for span in collector.spans if span.parent]
    assert found == [("deliver", TRACE)] * 2


@pytest.mark.parametrize(
    ("sampler", "ratio", "count"),
    [("", "0.000001", 0), ("", "1.0", 2), ("parentbased_traceidratio", "0.0", 2)],
)
def test_a_caller_decides_what_is_exported_only_where_it_is_trusted(
    collector: Collector, sampler: str, ratio: str, count: int
) -> None:
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": ratio}
    run(WEB, SAMPLED, LOWEST, UNSAMPLED, endpoint=collector.url, **variables)
    assert [span.trace for span in collector.spans] == [TRACE, LOWEST[3:35]][:count]


def test_a_collector_that_is_away_holds_up_no_end_and_is_told_once() -> None:
    begun_at = time.monotonic()
    done = run(ENDING, SAMPLED, endpoint=f"http://127.0.0.1:{pick_free_port()}")
    assert time.monotonic() - begun_at < 30  # of which 3 s each are the waits of two processes
    assert done.stderr.count("traces_not_exported") <= 2
    assert "Traceback" not in done.stderr
