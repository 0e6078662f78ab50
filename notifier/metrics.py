"""Prometheus metrics: what every request costs, and one text of everything for the scraper."""

import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest

from notifier.metric_files import merge_ended, open_registry, prepare_directory

log = structlog.get_logger(__name__)
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Anybody can invent methods; each value of a label costs memory for ever.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

prepare_directory()  # a counter opens its file when it is made
merge_ended()  # of web processes that were replaced
_requests = Counter(
    "notifier_http_requests", "Requests that were answered", ["route", "method", "status"]
)
_seconds = Histogram("notifier_http_seconds", "Time to answer a request", ["route"])


class Collector(Protocol):
    """Something that reads its metrics when it is asked, so that no process has to keep them."""

    def collect(self) -> Iterable[Metric]: ...


class HttpMetricsMiddleware:
    """Counts and times every request by its URL pattern: paths are without number."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began_at = time.perf_counter()
        response = self.get_response(request)
        route = name_route(request)
        method = request.method if request.method in METHODS else "other"
        _requests.labels(route, method, response.status_code).inc()
        seconds = time.perf_counter() - began_at
        _seconds.labels(route).observe(seconds)
        status = response.status_code
        log.debug("answered", method=method, route=route, status=status, seconds=round(seconds, 4))
        return response


def write_metrics(collectors: Iterable[Collector]) -> bytes:
    """Return the text of what `collectors` read now."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def count_collector() -> Collector:
    """Return what this web has counted, all its processes where PROMETHEUS_MULTIPROC_DIR is set.

    Without it the counts are of the process that answers.
    """
    return open_registry()


def name_route(request: HttpRequest) -> str:
    """Return the pattern of the URL, which has no ids in it; "(none)" for what is no route."""
    match = request.resolver_match
    return f"/{match.route.rstrip('/')}" if match else "(none)"
