"""The routes of dead letters: find, replay, discard."""

from typing import ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from apps.notifications.api.filters import (
    read_choice,
    read_recipient,
    read_text,
    read_time,
)
from apps.notifications.api.selections import (
    DeadLetterSelection,
    DiscardSelection,
    ReplaySelection,
    SelectionAnswer,
)
from apps.notifications.api.serializers import NotificationAnswer, show_notification
from apps.notifications.models import Channel, Notification
from apps.notifications.services.intervening import (
    Selection,
    discard_dead_letters,
    replay_dead_letters,
)
from apps.notifications.services.orders import as_utc
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.pages import paginate
from notifier.api.views import LeanView, principal_of
from notifier.authentication import Principal, Scope
from notifier.replica import may_lag

TAG = "Dead letters"
FILTERS = [
    OpenApiParameter("notification_type", enum=["email", "push"]),
    OpenApiParameter("error_code"),
    OpenApiParameter("provider"),
    OpenApiParameter("template_code"),
    OpenApiParameter("recipient"),
    OpenApiParameter("failed_after", OpenApiTypes.DATETIME),
    OpenApiParameter("failed_before", OpenApiTypes.DATETIME),
    OpenApiParameter("page", OpenApiTypes.INT),
    OpenApiParameter("limit", OpenApiTypes.INT),
]


class DeadLetterListView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"GET": "read"}

    @extend_schema(
        operation_id="list_dead_letters",
        summary="Notifications that were given up",
        tags=[TAG],
        parameters=FILTERS,
        responses={200: list[NotificationAnswer]},
    )
    @may_lag
    def get(self, request: HttpRequest) -> HttpResponse:
        organization_id = principal_of(request).organization_id
        rows = Notification.objects.in_organization(organization_id).dead_letters()
        rows = rows.filter(**_read_filters(request)).select_related("template_version")
        page, meta = paginate(request, rows.order_by("-finished_at", "-id"))
        return answer([show_notification(row) for row in page], meta=meta)


class ReplayDeadLettersView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"POST": "admin"}

    @extend_schema(
        operation_id="replay_dead_letters",
        summary="Send given-up notifications again",
        description="With `per_second` they become due one after the other, oldest first.",
        tags=[TAG],
        request=ReplaySelection,
        responses={202: SelectionAnswer, 200: SelectionAnswer},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        body = read_body(request, ReplaySelection)
        ids = _select(body, principal_of(request))
        changed = [] if body.dry_run else replay_dead_letters(ids=ids, per_second=body.per_second)
        return _show_selection(ids, changed, dry_run=body.dry_run, done="Replay accepted")


class DiscardDeadLettersView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"POST": "admin"}

    @extend_schema(
        operation_id="discard_dead_letters",
        summary="Take given-up notifications out of the dead letters",
        tags=[TAG],
        request=DiscardSelection,
        responses={202: SelectionAnswer, 200: SelectionAnswer},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        body = read_body(request, DiscardSelection)
        ids = _select(body, principal_of(request))
        changed = [] if body.dry_run else discard_dead_letters(ids=ids, explanation=body.reason)
        return _show_selection(ids, changed, dry_run=body.dry_run, done="Discarded")


def _select(body: DeadLetterSelection, principal: Principal) -> list[UUID]:
    selection = Selection(
        organization_id=principal.organization_id,
        mode="test" if principal.mode == "test" else None,
        ids=body.ids,
        notification_type=body.notification_type,
        error_code=body.error_code,
        provider=body.provider,
        template_code=body.template_code,
        recipient=body.recipient,
        failed_after=as_utc(body.failed_after, field="failed_after"),
        failed_before=as_utc(body.failed_before, field="failed_before"),
        limit=body.limit,
    )
    selection.require_condition()
    return list(selection.matching().values_list("pk", flat=True))


def _show_selection(
    ids: list[UUID], changed: list[UUID], *, dry_run: bool, done: str
) -> HttpResponse:
    shown = SelectionAnswer(
        matched=len(ids), changed=len(changed), dry_run=dry_run, ids=ids if dry_run else changed
    )
    return answer(
        shown, "Nothing was changed" if dry_run else done, status=200 if dry_run else 202
    )


def _read_filters(request: HttpRequest) -> dict[str, object]:
    wanted = {
        "channel": read_choice(request, "notification_type", Channel.values),
        "error_code": read_text(request, "error_code"),
        "provider": read_text(request, "provider"),
        "template_code": read_text(request, "template_code"),
        "recipient_index": read_recipient(request),
        "finished_at__gte": read_time(request, "failed_after"),
        "finished_at__lt": read_time(request, "failed_before"),
    }
    return {name: value for name, value in wanted.items() if value is not None}
