"""OpenTelemetry in this process: made at the first span, so never before a fork; ended with it."""

import os
import sys
import threading
from collections.abc import Sequence
from multiprocessing.util import Finalize
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

log = structlog.get_logger(__name__)

# What is not handed over by then is lost: no process waits longer for a collector.
FLUSH_MILLISECONDS: Final = 3000
_SERVICES: Final = {
    "relay": "notifier-relay",
    "worker": "notifier-worker",
    "consume_failed": "notifier-dead-letters",
    "up": "notifier",
}
_lock = threading.Lock()
_made: list[tuple[TracerProvider, Tracer]] = []


class TellingExporter(SpanExporter):
    """Says once that the collector is away, and once that it is back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            log.warning("traces_not_exported", spans=len(spans))
        elif self._is_away and not is_away:
            log.info("traces_exported_again")
        self._is_away = is_away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class BoundedProcessor(BatchSpanProcessor):
    """Keeps a bounded number of spans and drops the rest; ends within seconds."""

    def shutdown(self) -> None:
        self._batch_processor.shutdown(timeout_millis=FLUSH_MILLISECONDS)


def open_tracer() -> Tracer:
    """Return this process's tracer; it samples and exports as the variables OTEL_… say."""
    if not _made:
        with _lock:
            if not _made:
                _made.append(_make_tracer())
    return _made[0][1]


def end_export() -> None:
    """Export what waits, for a few seconds at most."""
    if _made:
        _made[0][0].shutdown()


def _make_tracer() -> tuple[TracerProvider, Tracer]:
    # The specification's default would not hear OTEL_TRACES_SAMPLER_ARG.
    os.environ.setdefault("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    provider = TracerProvider(resource=_describe_process(), shutdown_on_exit=False)
    provider.add_span_processor(BoundedProcessor(TellingExporter(OTLPSpanExporter())))
    # Not atexit: a web process of granian is a fork, which ends without it.
    Finalize(None, end_export, exitpriority=0)
    return provider, provider.get_tracer("notifier")


def _describe_process() -> Resource:
    if os.environ.get("OTEL_SERVICE_NAME"):
        return Resource.create()
    named = [service for word, service in _SERVICES.items() if word in sys.argv]
    return Resource.create({"service.name": named[0] if named else "notifier-web"})
