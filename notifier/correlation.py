"""One id that connects a request, its log lines, its message, the worker and the provider call."""

import re
from collections.abc import Callable
from contextvars import ContextVar

import structlog
from django.http import HttpRequest, HttpResponse

from notifier.identifiers import new_id

# Anything else could forge log lines or headers (spec 3.2).
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def current_correlation_id() -> str:
    """The id of the request or task at hand, "" outside one."""
    return _current.get()


def bind_correlation_id(value: str | None) -> str:
    """Take `value` if it has the accepted form, else make an id; bind it for logs and answers."""
    accepted = value if value and _ACCEPTED.fullmatch(value) else str(new_id())
    _current.set(accepted)
    structlog.contextvars.bind_contextvars(correlation_id=accepted)
    return accepted


class CorrelationMiddleware:
    """Accept or make the correlation id of a request and echo it on the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        structlog.contextvars.clear_contextvars()
        headers = request.headers
        given = headers.get("X-Correlation-ID") or headers.get("X-Request-ID")
        correlation_id = bind_correlation_id(given)
        response = self.get_response(request)
        response["X-Correlation-ID"] = correlation_id
        return response
