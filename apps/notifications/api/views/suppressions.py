"""The routes of the suppression list."""

from typing import ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from apps.notifications.api.suppressions import (
    NewSuppression,
    SuppressionAnswer,
    read_suppression_filters,
    show_suppression,
)
from apps.notifications.models import Cause, Channel, Suppression
from apps.notifications.services.suppressing import (
    add_suppression,
    fold_address,
    remove_suppression,
)
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.pages import paginate
from notifier.api.views import LeanView, principal_of
from notifier.authentication import Scope

TAG = "Suppressions"
FILTERS = [
    OpenApiParameter("channel", enum=Channel.values),
    OpenApiParameter("address", description="Exactly; an e-mail address in any of its forms"),
    OpenApiParameter("cause", enum=Cause.values),
    OpenApiParameter("page", OpenApiTypes.INT),
    OpenApiParameter("limit", OpenApiTypes.INT),
]


class SuppressionListView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"GET": "read", "POST": "admin"}

    @extend_schema(
        operation_id="list_suppressions",
        summary="Addresses that are not written to",
        tags=[TAG],
        parameters=FILTERS,
        responses={200: list[SuppressionAnswer]},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        mine = Suppression.objects.in_organization(principal_of(request).organization_id)
        page, meta = paginate(request, mine.filter(**read_suppression_filters(request)))
        return answer([show_suppression(entry) for entry in page], meta=meta)

    @extend_schema(
        operation_id="add_suppression",
        summary="Suppress an address",
        description="200 with the first entry when the address is on the list for that cause.",
        tags=[TAG],
        request=NewSuppression,
        responses={201: SuppressionAnswer, 200: SuppressionAnswer},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        caller = principal_of(request)
        caller.require_mode("live")  # the list is one for both modes
        body = read_body(request, NewSuppression)
        entry, is_new = add_suppression(
            organization_id=caller.organization_id,
            channel=body.channel,
            address=fold_address(body.address, channel=body.channel),
            cause=body.cause,
            source="api",
            note=body.note,
            created_by_id=caller.user_id,
        )
        message, status = ("Address suppressed", 201) if is_new else ("Suppressed before", 200)
        return answer(show_suppression(entry), message, status=status)


class SuppressionView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"DELETE": "admin"}

    @extend_schema(
        operation_id="remove_suppression",
        summary="Take an entry off the suppression list",
        description="Entries of other causes for the same address stay.",
        tags=[TAG],
        responses={200: None},
    )
    def delete(self, request: HttpRequest, suppression_id: UUID) -> HttpResponse:
        caller = principal_of(request)
        caller.require_mode("live")
        remove_suppression(organization_id=caller.organization_id, suppression_id=suppression_id)
        return answer(None, "Suppression removed")
