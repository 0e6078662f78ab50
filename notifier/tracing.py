"""Traces, from the request to the provider's answer; without a collector's address, nothing.

Every function here costs one look at a setting while tracing is off: OpenTelemetry is imported by
`notifier.tracing_spans`, and that only when there is something to trace.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

from django.conf import settings

NOTHING: Final[AbstractContextManager[None]] = nullcontext()


class Traced(Protocol):
    """What carries a trace on: its row says where the trace is."""

    @property
    def id(self) -> Any: ...

    @property
    def traceparent(self) -> str: ...


def is_tracing() -> bool:
    return bool(settings.OTEL_EXPORTER_OTLP_ENDPOINT)


def current_traceparent() -> str:
    """Return what a row keeps of the trace at hand (W3C Trace Context); "" outside of one."""
    if not is_tracing():
        return ""
    from notifier.tracing_spans import describe_current

    return describe_current()


def trace_publishing(rows: Sequence[Traced], *, queue: str) -> AbstractContextManager[None]:
    """Put a span "publish" into the trace of each of these that are handed to the broker."""
    if not is_tracing():
        return NOTHING
    from notifier.tracing_spans import span_publishing

    return span_publishing(rows, queue=queue)


def trace_delivery(notification: Traced, *, channel: str) -> AbstractContextManager[None]:
    """Put a span "deliver" around a worker's dealing with one notification."""
    if not is_tracing() or not notification.traceparent:
        return NOTHING
    from notifier.tracing_spans import span_delivery

    return span_delivery(notification, channel=channel)


def trace_call(*, provider: str, channel: str) -> AbstractContextManager[None]:
    """Put a span around one call of a provider; what the provider says is not in it."""
    if not is_tracing():
        return NOTHING
    from notifier.tracing_spans import span_call

    return span_call(provider=provider, channel=channel)


def link_traces(traceparents: Iterable[str]) -> None:
    """Link the request at hand to the traces of the notifications that it is about."""
    if is_tracing():
        from notifier.tracing_spans import link_current

        link_current(traceparents)


def trace_receipt(notification: Traced, *, kind: str) -> None:
    """Leave a span in the trace of a notification for what was reported about it."""
    if is_tracing() and notification.traceparent:
        from notifier.tracing_spans import note_receipt

        note_receipt(notification, kind=kind)


def flush_traces() -> None:
    """Hand over what has not been exported, within seconds: for a process that ends."""
    if is_tracing():
        from notifier.tracing_export import end_export

        end_export()
