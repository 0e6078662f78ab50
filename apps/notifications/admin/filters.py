"""The filters of the ledger's lists; none of them reads the ledger to find out its choices."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.notifications.models import Status
from apps.templates.models import Template
from notifier.organization_pages import seen_organization

PERIODS = {
    "hour": ("in the last hour", timedelta(hours=1)),
    "day": ("in the last 24 hours", timedelta(days=1)),
    "week": ("in the last 7 days", timedelta(days=7)),
}


class PeriodFilter(admin.SimpleListFilter):
    """When something happened: in one of the periods, or before all of them."""

    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        recent = [(name, label) for name, (label, _) in PERIODS.items()]
        return [*recent, ("older", "more than 7 days ago")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value, now = self.value(), timezone.now()
        if value in PERIODS:
            return queryset.filter(**{f"{self.column}__gte": now - PERIODS[value][1]})
        if value == "older":
            return queryset.filter(**{f"{self.column}__lt": now - PERIODS["week"][1]})
        return queryset


class AcceptedWithinFilter(PeriodFilter):
    title = "time of accept"
    parameter_name = "accepted"
    column = "created_at"


class ScheduleFilter(admin.SimpleListFilter):
    title = "schedule"
    parameter_name = "schedule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("later", "to be sent later"), ("expiring", "with a time to expire")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        pending = queryset.filter(status=Status.PENDING)
        if self.value() == "later":
            return pending.filter(due_at__gt=timezone.now())
        return pending.filter(expires_at__isnull=False) if self.value() == "expiring" else queryset


class ColumnFilter(admin.SimpleListFilter):
    """One of the column's values that `lookups` offers."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class ModeFilter(ColumnFilter):
    title = "mode"
    parameter_name = "mode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "live"), ("test", "test")]


class ConfiguredProviderFilter(ColumnFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        urls = (*settings.EMAIL_PROVIDER_URLS, *settings.PUSH_PROVIDER_URLS)
        names = dict.fromkeys([*(url.name for url in urls), "capture"])
        return [(name, name) for name in names]


class TemplateFilter(ColumnFilter):
    title = "template"
    parameter_name = "template_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = seen_organization(request)
        templates = Template.objects.order_by("code")
        if own is not None:
            templates = templates.filter(organization=own)
        return [(code, code) for code in templates.values_list("code", flat=True).distinct()]
