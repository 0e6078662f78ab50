"""The routes that accept: single notifications and bulk."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from apps.notifications.api.serializers import AcceptedNotification, BulkAnswer, show_accepted
from apps.notifications.services.accepting import Accepted, accept_notification
from apps.notifications.services.bulk import accept_bulk
from apps.notifications.services.orders import (
    BulkOrder,
    ChannelName,
    ChannelOrder,
    NotificationOrder,
    UnreadBulkOrder,
    order_for_channel,
)
from apps.notifications.services.quick_accepting import accept_quickly
from notifier.api.bodies import MAX_BULK_BODY, read_body
from notifier.api.envelope import answer
from notifier.api.quick_view import QuickView
from notifier.api.views import LeanView, principal_of
from notifier.authentication import KnownCaller, Scope
from notifier.errors import InvalidRequest

TAG = "Notifications"
ACCEPT_EXAMPLE = OpenApiExample(
    "A welcome mail to one address",
    value={
        "notification_type": "email",
        "to": {"email": "ada@example.org"},
        "template_code": "welcome",
        "variables": {"name": "Ada", "link": "https://example.org/start"},
        "request_id": "signup-1812",
    },
    request_only=True,
)
# An unknown user or template; missing variables, another body under the same request_id.
REFUSALS: dict[int, Any] = {404: None, 422: None}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, description="Alias of request_id"
)


def accept(request: HttpRequest, order: NotificationOrder) -> HttpResponse:
    """Answer the POST of one order: 202 for a new one, 200 for one that was accepted before."""
    order.request_id = _request_id(request, order.request_id)
    return show_accept(accept_notification(order=order, principal=principal_of(request)))


def accept_known(
    request: HttpRequest, order: NotificationOrder, caller: KnownCaller
) -> HttpResponse | None:
    """Answer the POST of one order from memory; None when only `accept` can."""
    order.request_id = _request_id(request, order.request_id)
    accepted = accept_quickly(order=order, caller=caller)
    return None if accepted is None else show_accept(accepted)


def show_accept(accepted: Accepted) -> HttpResponse:
    message = "Notification accepted" if not accepted.replayed else "Already accepted"
    response = answer(show_accepted(accepted), message, status=200 if accepted.replayed else 202)
    response["Location"] = f"/api/v1/notifications/{accepted.notification_id}"
    if accepted.replayed:
        response["Idempotent-Replayed"] = "true"
    return response


def _request_id(request: HttpRequest, given: str | None) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return given
    if not (
        0 < len(key) <= 255 and key.isascii() and key.isprintable() and " " not in key
    ):  # as request_id
        raise InvalidRequest.of_field("Idempotency-Key", "1 to 255 printable ASCII characters")
    if given is not None and given != key:
        raise InvalidRequest.of_field("request_id", "differs from the Idempotency-Key header")
    return key


class AcceptView(QuickView):
    def answer_known(self, request: HttpRequest, caller: KnownCaller) -> HttpResponse | None:
        return accept_known(request, read_body(request, NotificationOrder), caller)

    @extend_schema(
        operation_id="accept_notification",
        summary="Send one notification",
        description="A member may notify itself; anybody else needs the scope `send`.",
        tags=[TAG],
        request=NotificationOrder,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: AcceptedNotification, 200: AcceptedNotification, **REFUSALS},
        examples=[ACCEPT_EXAMPLE],
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        return accept(request, read_body(request, NotificationOrder))


class ChannelNotificationView(QuickView):
    """POST with the type in the path; one subclass a channel, so that the schema names both."""

    channel: ClassVar[ChannelName]

    def answer_known(self, request: HttpRequest, caller: KnownCaller) -> HttpResponse | None:
        return accept_known(request, self.read_order(request), caller)

    def accept_order(self, request: HttpRequest) -> HttpResponse:
        return accept(request, self.read_order(request))

    def read_order(self, request: HttpRequest) -> NotificationOrder:
        return order_for_channel(read_body(request, ChannelOrder), self.channel)


class EmailNotificationView(ChannelNotificationView):
    channel = "email"

    @extend_schema(
        operation_id="accept_email",
        summary="Send one e-mail",
        tags=[TAG],
        request=ChannelOrder,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: AcceptedNotification, 200: AcceptedNotification, **REFUSALS},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        return self.accept_order(request)


class PushNotificationView(ChannelNotificationView):
    channel = "push"

    @extend_schema(
        operation_id="accept_push",
        summary="Send one push",
        tags=[TAG],
        request=ChannelOrder,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: AcceptedNotification, 200: AcceptedNotification, **REFUSALS},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        return self.accept_order(request)


class BulkView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"POST": "send"}

    @extend_schema(
        operation_id="accept_bulk",
        summary="Send one message to up to 10,000 recipients",
        tags=[TAG],
        request=BulkOrder,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: BulkAnswer, 200: BulkAnswer, **REFUSALS},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        order = read_body(request, UnreadBulkOrder, max_bytes=MAX_BULK_BODY)
        order.request_id = _request_id(request, order.request_id)
        result = accept_bulk(order=order, principal=principal_of(request))
        if not result.replayed:
            return answer(result.answer, "Batch accepted", status=202)
        response = answer(result.answer, "Already accepted")
        response["Idempotent-Replayed"] = "true"
        return response
