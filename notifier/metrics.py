"""Prometheus metrics: what every request costs, and one text of everything for the scraper."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Anybody can invent methods; each value of a label costs memory for ever.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

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
        route = _name_route(request)
        method = request.method if request.method in METHODS else "other"
        _requests.labels(route, method, response.status_code).inc()
        _seconds.labels(route).observe(time.perf_counter() - began_at)
        return response


def write_metrics(collectors: Iterable[Collector]) -> bytes:
    """Return the text of what `collectors` read now and of what this installation's web counted.

    With several web processes, PROMETHEUS_MULTIPROC_DIR must name a directory that they share and
    that is empty at the start; without it the answer has the counts of the process that gives it.
    """
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # registers itself
    else:
        registry.register(REGISTRY)
    return generate_latest(registry)


def _name_route(request: HttpRequest) -> str:
    match = request.resolver_match
    return f"/{match.route.rstrip('/')}" if match else "(none)"
