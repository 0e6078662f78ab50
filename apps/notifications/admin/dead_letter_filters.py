"""The filters of the dead letters: why, through whom, and when they failed."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.notifications.models import DeadLetter

# Choices come from the newest so many, by their index: any number of them opens the page as fast.
LOOKED_AT = 5000
_PERIODS = {
    "hour": ("in the last hour", timedelta(hours=1)),
    "day": ("in the last 24 hours", timedelta(days=1)),
    "week": ("in the last 7 days", timedelta(days=7)),
}


class NewestChoices(admin.SimpleListFilter):
    """Offers the values that the newest dead letters have in one column."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        column = str(self.parameter_name)
        newest = DeadLetter.objects.order_by("-finished_at").values_list(column, flat=True)
        values = {str(value) for value in newest[:LOOKED_AT] if value}
        return [(value, value) for value in sorted(values)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class ErrorCodeFilter(NewestChoices):
    title = "error code"
    parameter_name = "error_code"


class ProviderFilter(NewestChoices):
    title = "provider"
    parameter_name = "provider"


class FailedWithinFilter(admin.SimpleListFilter):
    title = "time of failure"
    parameter_name = "failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        recent = [(name, label) for name, (label, _) in _PERIODS.items()]
        return [*recent, ("older", "more than 7 days ago")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value, now = self.value(), timezone.now()
        if value in _PERIODS:
            return queryset.filter(finished_at__gte=now - _PERIODS[value][1])
        if value == "older":
            return queryset.filter(finished_at__lt=now - _PERIODS["week"][1])
        return queryset
