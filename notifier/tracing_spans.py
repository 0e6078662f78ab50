"""The spans of a notification's way. None holds an address, a token, variables or content."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from notifier.tracing import Traced
from notifier.tracing_export import open_tracer

_PROPAGATOR = TraceContextTextMapPropagator()


def read_context(carrier: Mapping[str, str]) -> Context:
    """Return the context that the headers of W3C name, an empty one for none or damaged ones."""
    return _PROPAGATOR.extract(carrier, context=Context())


def name_trace(context: SpanContext) -> str:
    return trace.format_trace_id(context.trace_id)


def describe_current() -> str:
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span_publishing(rows: Sequence[Traced], *, queue: str) -> Iterator[None]:
    begun_at, error = time.time_ns(), ""
    try:
        yield
    except Exception as exc:
        error = type(exc).__name__
        raise
    finally:
        for row in rows:
            if row.traceparent:
                _note_publishing(row, queue, begun_at, error)


def _note_publishing(row: Traced, queue: str, begun_at: int, error: str) -> None:
    attributes = {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": queue,
        "notifier.notification_id": str(row.id),
    }
    span = open_tracer().start_span(
        "publish",
        context=_context_of(row.traceparent),
        kind=SpanKind.PRODUCER,
        attributes=attributes,
        start_time=begun_at,
    )
    if error:
        _mark_failed(span, error)
    span.end()


@contextmanager
def span_delivery(notification: Traced, *, channel: str) -> Iterator[None]:
    """The span is the child of the request's, and so is that of each later attempt."""
    context = _context_of(notification.traceparent)
    attributes = {
        "notifier.notification_id": str(notification.id),
        "notifier.channel": channel,
    }
    trace_id = name_trace(trace.get_current_span(context).get_span_context())
    with (
        structlog.contextvars.bound_contextvars(trace_id=trace_id),
        open_tracer().start_as_current_span(
            "deliver",
            context=context,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            # What an error says may quote an address.
            record_exception=False,
            set_status_on_exception=False,
        ),
    ):
        yield


@contextmanager
def span_call(*, provider: str, channel: str) -> Iterator[None]:
    """No trace begins with a provider: without a delivery that is traced there is no span."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with open_tracer().start_as_current_span(
        f"send {channel}",
        kind=SpanKind.CLIENT,
        attributes={"notifier.provider": provider, "notifier.channel": channel},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except Exception as error:
            _mark_failed(span, str(getattr(error, "code", type(error).__name__)))
            raise


def link_current(traceparents: Iterable[str]) -> None:
    span = trace.get_current_span()
    for traceparent in traceparents if span.is_recording() else ():
        linked = trace.get_current_span(_context_of(traceparent)).get_span_context()
        if linked.is_valid:
            span.add_link(linked)


def note_receipt(notification: Traced, *, kind: str) -> None:
    attributes: Mapping[str, Any] = {
        "notifier.notification_id": str(notification.id),
        "notifier.receipt": kind,
    }
    context = _context_of(notification.traceparent)
    open_tracer().start_span("receipt", context=context, attributes=attributes).end()


def _context_of(traceparent: str) -> Context:
    return read_context({"traceparent": traceparent})


def _mark_failed(span: trace.Span, code: str) -> None:
    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR))
