"""The routes that count: statistics, batches, template usage."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from apps.notifications.api.serializers import (
    BatchAnswer,
    HourStatistics,
    ProviderStatistics,
    StatisticsAnswer,
    UsageAnswer,
    show_batch,
)
from apps.notifications.services.reading import count_template_usage, find_batch
from apps.notifications.services.statistics import report_statistics
from apps.templates.services import get_template
from notifier.api.envelope import answer
from notifier.api.pages import describe_whole, read_integer
from notifier.api.views import ApiView, principal_of
from notifier.authentication import Scope
from notifier.replica import may_lag


class BatchView(ApiView):
    scopes: ClassVar[dict[str, Scope]] = {"GET": "read"}

    @extend_schema(
        operation_id="get_batch",
        summary="How far a batch is",
        tags=["Notifications"],
        responses={200: BatchAnswer},
    )
    def get(self, request: Request, batch_id: UUID) -> HttpResponse:
        organization_id = principal_of(request).organization_id
        return answer(show_batch(*find_batch(organization_id=organization_id, batch_id=batch_id)))


class StatisticsView(ApiView):
    scopes: ClassVar[dict[str, Scope]] = {"GET": "read"}

    @extend_schema(
        operation_id="get_statistics",
        summary="What was sent, per channel and provider, and per hour",
        tags=["Statistics"],
        parameters=[
            OpenApiParameter("hours", OpenApiTypes.INT, description="1 to 168, default 24")
        ],
        responses={200: StatisticsAnswer},
    )
    @may_lag
    def get(self, request: Request) -> HttpResponse:
        hours = read_integer(request, "hours", default=24, minimum=1, maximum=168)
        now = timezone.now()
        since = now - timedelta(hours=hours)
        organization_id = principal_of(request).organization_id
        providers, per_hour = report_statistics(
            organization_id=organization_id, since=since, now=now
        )
        return answer(
            StatisticsAnswer(
                since=since,
                providers=[_show_provider(group) for group in providers],
                per_hour=[_show_hour(group) for group in per_hour],
            )
        )


class TemplateUsageView(ApiView):
    scopes: ClassVar[dict[str, Scope]] = {"GET": "templates"}

    @extend_schema(
        operation_id="get_template_usage",
        summary="How a template is used",
        tags=["Templates"],
        responses={200: list[UsageAnswer]},
    )
    @may_lag
    def get(self, request: Request, code: str) -> HttpResponse:
        organization_id = principal_of(request).organization_id
        get_template(organization_id=organization_id, code=code)
        groups = count_template_usage(organization_id=organization_id, code=code)
        return answer([_show_usage(group) for group in groups], meta=describe_whole(len(groups)))


def _show_provider(group: dict[str, Any]) -> ProviderStatistics:
    return ProviderStatistics(
        notification_type=group["channel"],
        provider=group["provider"],
        accepted=group["accepted"],
        sent=group["sent"],
        delivered=group["delivered"],
        failed=group["failed"],
        delivery_rate=group["delivery_rate"],
        p50_accept_to_sent=group["p50"],
        p95_accept_to_sent=group["p95"],
    )


def _show_hour(group: dict[str, Any]) -> HourStatistics:
    return HourStatistics(
        hour=group["hour"],
        notification_type=group["channel"],
        accepted=group["accepted"],
        sent=group["sent"],
        delivered=group["delivered"],
        failed=group["failed"],
    )


def _show_usage(group: dict[str, Any]) -> UsageAnswer:
    return UsageAnswer(
        version=group["template_version__number"],
        language=group["template_version__language"],
        sent=group["sent"],
        delivered=group["delivered"],
        failed=group["failed"],
    )
