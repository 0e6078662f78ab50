"""The web's span around each request: in the middleware only where traces are wanted."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from notifier.metrics import METHODS, name_route
from notifier.tracing_export import open_tracer
from notifier.tracing_spans import name_trace, read_context

# Asked every few seconds by machines; their traces would be most of all.
UNTRACED = ("live", "ready", "health", "gateway-health", "metrics")


class TraceMiddleware:
    """Goes on with the caller's trace (W3C `traceparent`, `tracestate`), or begins one.

    Whether it is exported is not the caller's decision: `OwnSampler`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.rstrip("/").rpartition("/")[2] in UNTRACED:
            return self.get_response(request)
        names = ("traceparent", "tracestate")
        carrier = {name: value for name in names if (value := request.headers.get(name))}
        with open_tracer().start_as_current_span(
            "HTTP",
            context=read_context(carrier),
            kind=SpanKind.SERVER,
            # What an error says may quote what was sent.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            structlog.contextvars.bind_contextvars(trace_id=name_trace(span.get_span_context()))
            response = self.get_response(request)
            if span.is_recording():
                _describe_answer(span, request, response)
            return response


def _describe_answer(span: trace.Span, request: HttpRequest, response: HttpResponse) -> None:
    method = request.method if request.method in METHODS else "_OTHER"
    route = name_route(request)
    span.update_name(f"{method} {route}")
    span.set_attributes(
        {
            "http.request.method": str(method),
            "http.route": route,
            "http.response.status_code": response.status_code,
        }
    )
    if response.status_code >= 500:
        span.set_status(Status(StatusCode.ERROR))
