"""`/metrics`: what the database and the broker say at each scrape, and what this web has counted.

The first part is the same wherever it is asked for, so a scraper asks one web for it
(`?part=shared`) and each web for the second (`?part=process`).
"""

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client.core import GaugeMetricFamily, Metric

from apps.delivery.services.backlog import Backlog, measure_backlog
from apps.delivery.services.breakers import list_breakers
from notifier.api.errors import answer_exception
from notifier.authentication import authenticate
from notifier.breaker import BreakerView
from notifier.configuration import DEVELOPMENT
from notifier.errors import NotifierError, Unauthenticated
from notifier.health import Probe, QueueState, find_out, measure_queues
from notifier.metrics import CONTENT_TYPE, Collector, count_collector, write_metrics

_STATES = {"closed": 0, "half_open": 1, "open": 2}


class BacklogCollector:
    """What waits, and the breakers; what cannot be read in a second is left out."""

    def collect(self) -> Iterable[Metric]:
        probes: dict[str, Probe] = {
            "backlog": lambda: measure_backlog(now=timezone.now()),
            "breakers": lambda: [view for _, view in list_breakers()],
        }
        if not settings.IS_EMBEDDED:
            probes["queues"] = measure_queues
        found = find_out(probes)
        yield from _describe_backlog(found["backlog"].value or {})
        yield _describe_breakers(found["breakers"].value or [])
        if "queues" in found:
            yield _describe_queues(found["queues"].value or {})


class _KeyAsBearer:
    """A scraper can send a bearer token and no other header: here it is an API key."""

    def __init__(self, request: HttpRequest) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_bearer = scheme.lower() == "bearer"
        key = token.strip() if is_bearer else request.headers.get("X-API-Key")
        self.headers: dict[str, str] = {"X-API-Key": key} if key else {}


@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape: anybody's in development, else that of staff or of a key with `read`."""
    try:
        _require_reader(request)
    except (NotifierError, DatabaseError) as error:
        return answer_exception(error)
    collectors = _choose_collectors(request.GET.get("part"))
    return HttpResponse(write_metrics(collectors), content_type=CONTENT_TYPE)


def _choose_collectors(part: str | None) -> list[Collector]:
    parts: dict[str, list[Collector]] = {
        "shared": [BacklogCollector()],
        "process": [count_collector()],
    }
    return parts[part] if part in parts else [*parts["shared"], *parts["process"]]


def _require_reader(request: HttpRequest) -> None:
    if settings.NOTIFIER_ENV == DEVELOPMENT or request.user.is_staff:
        return
    principal = authenticate(_KeyAsBearer(request))
    if principal is None:
        raise Unauthenticated("metrics need an API key with the scope `read`")
    principal.require("read")


def _describe_backlog(backlog: Mapping[str, Backlog]) -> Iterable[Metric]:
    pending = GaugeMetricFamily(
        "notifier_pending", "Notifications that wait, due or not", labels=["channel"]
    )
    oldest = GaugeMetricFamily(
        "notifier_oldest_due_seconds", "Age of the oldest that is due", labels=["channel"]
    )
    letters = GaugeMetricFamily(
        "notifier_dead_letters", "Given up and not discarded", labels=["channel"]
    )
    for channel, each in backlog.items():
        pending.add_metric([channel], each.pending)
        oldest.add_metric([channel], each.oldest_due_seconds)
        letters.add_metric([channel], each.dead_letters)
    return pending, oldest, letters


def _describe_queues(queues: Mapping[str, QueueState]) -> Metric:
    depth = GaugeMetricFamily(
        "notifier_queue_depth", "Messages that wait in the broker", labels=["queue"]
    )
    for queue, state in queues.items():
        depth.add_metric([queue], state.messages)
    return depth


def _describe_breakers(views: Iterable[BreakerView]) -> Metric:
    states = GaugeMetricFamily(
        "notifier_breaker_state", "0 closed, 1 half open, 2 open", labels=["provider"]
    )
    for view in views:
        states.add_metric([view.name], _STATES[view.state])
    return states
