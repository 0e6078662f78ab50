"""The routes that say how Notifier is: for load balancers, for orchestrators, for operators."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.delivery.services.backlog import Backlog, measure_backlog
from apps.delivery.services.breakers import list_breakers
from notifier.api.envelope import answer, failure
from notifier.api.views import PublicView
from notifier.authentication import Principal, authenticate
from notifier.errors import FieldError
from notifier.health import OPTIONAL, REQUIRED, Finding, QueueState, find_out, measure_queues

TAG = "Health"
RETRY_AFTER_SECONDS = 5
# Anybody may ask, and each time the broker would see a new connection.
MAX_AGE_SECONDS = 1.0
Found = TypeVar("Found")
Shown = TypeVar("Shown")


class LivenessAnswer(msgspec.Struct, kw_only=True):
    """This process answers."""

    status: str


class QueueAnswer(msgspec.Struct, kw_only=True):
    """A queue of the broker: messages that wait, and workers that take them."""

    messages: int
    consumers: int


class BacklogAnswer(msgspec.Struct, kw_only=True):
    """What waits in a channel, in the database."""

    pending: int
    dead_letters: int
    oldest_due_seconds: float


class DetailsAnswer(msgspec.Struct, kw_only=True):
    """What only operators see; null is what could not be found out within a second.

    `relay_lag_seconds` is the age of the oldest notification that is due and not published;
    `breakers` has the state of each provider's circuit breaker: closed, open or half_open.
    """

    relay_lag_seconds: float | None
    backlog: dict[str, BacklogAnswer] | None
    queues: dict[str, QueueAnswer] | None
    providers: dict[str, list[str]]
    breakers: dict[str, str] | None


class HealthAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`status` is ok or degraded; `degraded` names what is away without stopping the promise."""

    status: str
    degraded: list[str]
    checks: dict[str, str]
    details: DetailsAnswer | None = None


class ProbeView(PublicView):
    """Asked every few seconds from one address, and most urgently when much is going on."""

    is_limited = False


class LiveView(ProbeView):
    @extend_schema(
        operation_id="getLiveness",
        summary="Does this process answer? Touches no dependency",
        tags=[TAG],
        responses={200: LivenessAnswer},
    )
    def get(self, request: Request) -> HttpResponse:
        return answer(LivenessAnswer(status="ok"))


class ReadyView(ProbeView):
    @extend_schema(
        operation_id="getReadiness",
        summary="Can requests be taken? 503 without database or migrations",
        tags=[TAG],
        responses={200: HealthAnswer},
    )
    def get(self, request: Request) -> HttpResponse:
        return _answer_health(_ask_everybody())


class GatewayHealthView(ProbeView):
    @extend_schema(
        operation_id="getGatewayHealth",
        summary="The same as health, without details for anybody",
        tags=[TAG],
        responses={200: HealthAnswer},
    )
    def get(self, request: Request) -> HttpResponse:
        return _answer_health(_ask_everybody())


class HealthView(ProbeView):
    @extend_schema(
        operation_id="getHealth",
        summary="How Notifier is; details for admins and for keys with the scope `read`",
        tags=[TAG],
        responses={200: HealthAnswer, 401: None},
    )
    def get(self, request: Request) -> HttpResponse:
        findings = _ask_everybody()
        is_operator = not _problems(findings, REQUIRED) and _is_operator(authenticate(request))
        return _answer_health(findings, details=_find_details() if is_operator else None)


def _ask_everybody() -> dict[str, Finding]:
    return find_out({**REQUIRED, **OPTIONAL}, max_age=MAX_AGE_SECONDS)


def _answer_health(
    findings: Mapping[str, Finding], *, details: DetailsAnswer | None = None
) -> HttpResponse:
    broken = _problems(findings, REQUIRED)
    if broken:
        errors = [FieldError(name, "unavailable", why) for name, why in broken.items()]
        response = failure("unavailable", f"{' and '.join(broken)}: not ready", errors=errors)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    degraded = _problems(findings, OPTIONAL)
    shown = HealthAnswer(
        status="degraded" if degraded else "ok",
        degraded=list(degraded),
        checks={name: each.problem or each.value for name, each in findings.items()},
        details=details,
    )
    return answer(shown, "Degraded" if degraded else "OK")


def _problems(findings: Mapping[str, Finding], names: Mapping[str, Any]) -> dict[str, str]:
    return {name: findings[name].problem for name in names if findings[name].problem}


def _is_operator(principal: Principal | None) -> bool:
    if principal is None:
        return False
    return principal.can("admin") or (principal.api_key_id is not None and principal.can("read"))


def _find_details() -> DetailsAnswer:
    probes: dict[str, Any] = {
        "backlog": lambda: measure_backlog(now=timezone.now()),
        "breakers": lambda: {view.name: view.state for _, view in list_breakers()},
    }
    if not settings.IS_EMBEDDED:
        probes["queues"] = measure_queues
    found = find_out(probes)
    queues = found.get("queues", Finding())
    return DetailsAnswer(
        relay_lag_seconds=_find_lag(found["backlog"].value),
        backlog=_show_each(_show_backlog, found["backlog"].value),
        queues=_show_each(_show_queue, queues.value),
        providers={
            "email": [url.name for url in settings.EMAIL_PROVIDER_URLS],
            "push": [url.name for url in settings.PUSH_PROVIDER_URLS],
        },
        breakers=found["breakers"].value,
    )


def _find_lag(backlog: Mapping[str, Backlog] | None) -> float | None:
    if backlog is None:
        return None
    return round(max(each.oldest_due_seconds for each in backlog.values()), 3)


def _show_each(
    show: Callable[[Found], Shown], found: Mapping[str, Found] | None
) -> dict[str, Shown] | None:
    return None if found is None else {name: show(each) for name, each in found.items()}


def _show_backlog(backlog: Backlog) -> BacklogAnswer:
    return BacklogAnswer(
        pending=backlog.pending,
        dead_letters=backlog.dead_letters,
        oldest_due_seconds=round(backlog.oldest_due_seconds, 3),
    )


def _show_queue(queue: QueueState) -> QueueAnswer:
    return QueueAnswer(messages=queue.messages, consumers=queue.consumers)
