"""OpenTelemetry in this process: made at the first span, so never before a fork; ended with it."""

import os
import secrets
import sys
import threading
from collections.abc import Sequence
from multiprocessing.util import Finalize
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Tracer, TraceState
from opentelemetry.util.types import Attributes

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


class OwnSampler(Sampler):
    """Decides for each request by the ratio; behind the web the decision of its trace stands.

    A caller may be anybody. Neither its flag nor an id that it chose to fall below the ratio
    decides, only that it wants no trace is heard.
    """

    def __init__(self, ratio: float) -> None:
        by_ratio = TraceIdRatioBased(ratio)
        self._of_requests = ParentBased(by_ratio, remote_parent_sampled=by_ratio)
        self._behind = ParentBased(by_ratio)
        self._salt = secrets.randbits(64)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        sampler = self._of_requests if kind is SpanKind.SERVER else self._behind
        return sampler.should_sample(
            parent_context, trace_id ^ self._salt, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return "OwnSampler"


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
    # None: the one that OTEL_TRACES_SAMPLER names.
    sampler = None if os.environ.get("OTEL_TRACES_SAMPLER") else OwnSampler(_read_ratio())
    provider = TracerProvider(
        sampler=sampler, resource=_describe_process(), shutdown_on_exit=False
    )
    provider.add_span_processor(BoundedProcessor(TellingExporter(OTLPSpanExporter())))
    # Not atexit: a web process of granian is a fork, which ends without it.
    Finalize(None, end_export, exitpriority=0)
    return provider, provider.get_tracer("notifier")


def _read_ratio() -> float:
    """Return OTEL_TRACES_SAMPLER_ARG; all, as OpenTelemetry takes it, where that is no ratio."""
    try:
        ratio = float(os.environ.get("OTEL_TRACES_SAMPLER_ARG") or 1)
    except ValueError:
        return 1.0
    return ratio if 0 <= ratio <= 1 else 1.0


def _describe_process() -> Resource:
    if os.environ.get("OTEL_SERVICE_NAME"):
        return Resource.create()
    named = [service for word, service in _SERVICES.items() if word in sys.argv]
    return Resource.create({"service.name": named[0] if named else "notifier-web"})
