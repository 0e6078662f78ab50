"""The routes of stored notifications: list, read, timeline, cancel, replay."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from apps.notifications.api.filters import (
    decode_cursor,
    encode_cursor,
    read_notification_filters,
)
from apps.notifications.api.serializers import (
    EventAnswer,
    NotificationAnswer,
    StatusAnswer,
    show_event,
    show_notification,
    show_status,
)
from apps.notifications.api.views.accepting import TAG, AcceptView
from apps.notifications.models import Notification
from apps.notifications.models.notification import NotificationQuerySet
from apps.notifications.services.intervening import cancel_notification, replay_notification
from apps.notifications.services.status import read_status
from notifier.api.envelope import Meta, answer
from notifier.api.pages import describe_whole, paginate, read_limit
from notifier.api.quick_view import QuickView
from notifier.api.views import ApiView, principal_of
from notifier.authentication import KnownCaller, Principal
from notifier.errors import NotFound
from notifier.facts import forget_untrue
from notifier.replica import may_lag

LIST_PARAMETERS = [
    OpenApiParameter("status"),
    OpenApiParameter("notification_type", enum=["email", "push"]),
    OpenApiParameter("user_id", OpenApiTypes.UUID),
    OpenApiParameter("template_code"),
    OpenApiParameter("batch_id", OpenApiTypes.UUID),
    OpenApiParameter("recipient"),
    OpenApiParameter("created_after", OpenApiTypes.DATETIME),
    OpenApiParameter("created_before", OpenApiTypes.DATETIME),
    OpenApiParameter("page", OpenApiTypes.INT),
    OpenApiParameter("limit", OpenApiTypes.INT),
    OpenApiParameter("cursor", description="From meta.next_cursor; stays fast at any depth"),
]


class NotificationListView(AcceptView):
    @extend_schema(
        operation_id="list_notifications",
        summary="List notifications, newest first",
        tags=[TAG],
        parameters=LIST_PARAMETERS,
        responses={200: list[NotificationAnswer]},
    )
    @may_lag
    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Notification.objects.readable_by(require_reader(request))
        rows = rows.filter(read_notification_filters(request)).select_related("template_version")
        if "cursor" in request.GET:
            page, meta = _page_after_cursor(request, rows)
        else:
            page, meta = paginate(request, rows)
            if meta.has_next:
                meta.next_cursor = encode_cursor(page[-1])
        return answer([show_notification(row) for row in page], meta=meta)


def _page_after_cursor(
    request: HttpRequest, rows: NotificationQuerySet
) -> tuple[Sequence[Notification], Meta]:
    limit = read_limit(request)
    cursor = request.GET["cursor"]
    found = list(rows.filter(decode_cursor(cursor) if cursor else Q())[: limit + 1])
    page, has_next = found[:limit], len(found) > limit
    meta = Meta(
        total=None,
        limit=limit,
        page=1,
        total_pages=None,
        has_next=has_next,
        has_previous=bool(cursor),
        next_cursor=encode_cursor(page[-1]) if has_next else None,
    )
    return page, meta


class NotificationView(ApiView):
    @extend_schema(
        operation_id="get_notification",
        summary="One notification",
        tags=[TAG],
        responses={200: NotificationAnswer},
    )
    def get(self, request: Request, notification_id: UUID) -> HttpResponse:
        return answer(show_notification(find_readable(request, notification_id)))


class StatusView(QuickView):
    quick_methods = frozenset({"GET", "HEAD"})  # what is left to prove is who asks

    @extend_schema(
        operation_id="get_notification_status",
        summary="Where a notification stands",
        tags=[TAG],
        responses={200: StatusAnswer},
    )
    def get(self, request: HttpRequest, notification_id: UUID) -> HttpResponse:
        known = read_status(notification_id=notification_id, principal=require_reader(request))
        return answer(show_status(known))

    def answer_known(
        self, request: HttpRequest, caller: KnownCaller, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        known = read_status(principal=require_reader(request), **kwargs)
        return None if forget_untrue([caller]) else answer(show_status(known))


class TimelineView(ApiView):
    @extend_schema(
        operation_id="get_notification_timeline",
        summary="Everything that happened to a notification, and why",
        tags=[TAG],
        responses={200: list[EventAnswer]},
    )
    def get(self, request: Request, notification_id: UUID) -> HttpResponse:
        events = list(find_readable(request, notification_id).events.all())
        shown = [show_event(event) for event in events]
        return answer(shown, meta=describe_whole(len(shown)))


class CancelView(ApiView):
    @extend_schema(
        operation_id="cancel_notification",
        summary="Cancel a notification that is still pending",
        tags=[TAG],
        request=None,
        responses={200: NotificationAnswer, 409: None},
    )
    def post(self, request: Request, notification_id: UUID) -> HttpResponse:
        notification = find_writable(request, notification_id)
        cancel_notification(notification=notification)
        notification.refresh_from_db()
        return answer(show_notification(notification), "Notification cancelled")


class ReplayView(ApiView):
    @extend_schema(
        operation_id="replay_notification",
        summary="Send a failed notification again",
        tags=[TAG],
        request=None,
        responses={202: NotificationAnswer, 409: None},
    )
    def post(self, request: Request, notification_id: UUID) -> HttpResponse:
        notification = find_writable(request, notification_id)
        replay_notification(notification=notification)
        notification.refresh_from_db()
        return answer(show_notification(notification), "Replay accepted", status=202)


def require_reader(request: Request | HttpRequest) -> Principal:
    """Return the caller: a person, who may at least read its own, or a program with `read`."""
    principal = principal_of(request)
    if principal.user_id is None:
        principal.require("read")
    return principal


def find_readable(request: Request, notification_id: UUID) -> Notification:
    """Return a notification that the caller may see; NotFound for any other."""
    return _find_among(Notification.objects.readable_by(require_reader(request)), notification_id)


def find_writable(request: Request, notification_id: UUID) -> Notification:
    """Return a notification that the caller may change: its own, or any with `send`.

    A test key changes only what was sent with one.
    """
    principal = principal_of(request)
    if principal.can("send"):
        rows = Notification.objects.in_organization(principal.organization_id)
        notification = _find_among(rows, notification_id)
    else:
        notification = find_readable(request, notification_id)
        if not principal.is_user(notification.user_id):
            principal.require("send")
    principal.require_mode(notification.mode)
    return notification


def _find_among(rows: NotificationQuerySet, notification_id: UUID) -> Notification:
    notification = rows.select_related("template_version").filter(pk=notification_id).first()
    if notification is None:
        raise NotFound("no such notification")
    return notification
