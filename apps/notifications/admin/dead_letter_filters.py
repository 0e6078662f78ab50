"""The filters of the dead letters: why, through whom, and when they failed."""

from typing import Any

from django.http import HttpRequest

from apps.notifications.admin.filters import ColumnFilter, PeriodFilter

# Choices come from the newest so many, by their index: any number of them opens the page as fast.
LOOKED_AT = 5000


class NewestChoices(ColumnFilter):
    """Offers the values that the newest dead letters have in one column."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        column = str(self.parameter_name)
        seen = model_admin.get_queryset(request).order_by("-finished_at")
        values = {str(value) for value in seen.values_list(column, flat=True)[:LOOKED_AT] if value}
        return [(value, value) for value in sorted(values)]


class ErrorCodeFilter(NewestChoices):
    title = "error code"
    parameter_name = "error_code"


class ProviderFilter(NewestChoices):
    title = "provider"
    parameter_name = "provider"


class FailedWithinFilter(PeriodFilter):
    title = "time of failure"
    parameter_name = "failed"
    column = "finished_at"
