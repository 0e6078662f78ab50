"""The routes of circuit breakers: what state each provider's is in, and closing one by hand."""

from typing import ClassVar

import msgspec
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema

from apps.delivery.services.breakers import ProviderBreaker, list_breakers, reset_breaker
from notifier.api.envelope import answer
from notifier.api.pages import describe_whole
from notifier.api.views import LeanView, principal_of
from notifier.authentication import Scope
from notifier.breaker import BreakerView

TAG = "Breakers"


class BreakerAnswer(msgspec.Struct, kw_only=True):
    """One provider's breaker.

    `state` is closed, open or half_open (one trial decides); `opened_seconds_ago` is null while it
    is closed, else counted from the first opening; `retry_after_seconds` is 0 when a call may be
    made now; `paused` says that the provider itself asked for a pause (429).
    `shared` is false where only the answering process knows: without Redis, or while it is away.
    """

    provider: str
    channel: str
    state: str
    failures: int
    opened_seconds_ago: float | None
    retry_after_seconds: float
    reason: str
    paused: bool
    shared: bool


class BreakerListView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"GET": "admin"}

    @extend_schema(
        operation_id="list_breakers",
        summary="The circuit breaker of every provider, in failover order",
        tags=[TAG],
        responses={200: list[BreakerAnswer]},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        shown = [show_breaker(each, view) for each, view in list_breakers()]
        return answer(shown, meta=describe_whole(len(shown)))


class ResetBreakerView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"POST": "admin"}

    @extend_schema(
        operation_id="reset_breaker",
        summary="Close a provider's circuit breaker at once",
        tags=[TAG],
        request=None,
        responses={200: BreakerAnswer},
    )
    def post(self, request: HttpRequest, provider: str) -> HttpResponse:
        principal_of(request).require_mode("live")
        found, view = reset_breaker(provider)[0]
        return answer(show_breaker(found, view), "Breaker reset")


def show_breaker(breaker: ProviderBreaker, view: BreakerView) -> BreakerAnswer:
    return BreakerAnswer(
        provider=breaker.name,
        channel=breaker.channel,
        state=view.state,
        failures=view.failures,
        opened_seconds_ago=None if view.opened_ago is None else round(view.opened_ago, 3),
        retry_after_seconds=round(view.retry_after, 3),
        reason=view.reason,
        paused=view.is_paused,
        shared=view.is_shared,
    )
