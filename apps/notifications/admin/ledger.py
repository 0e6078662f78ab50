"""What the pages of the ledger share: read-only rows, and a list that stays fast."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from apps.notifications.services.intervening import MAX_SELECTED
from notifier.organization_pages import OrganizationPages

MOST_COUNTED = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # generic in stubs only
    """Counts no further than a list is read: counting millions of rows takes seconds."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:MOST_COUNTED].count()


class LedgerAdmin(OrganizationPages, ModelAdmin):
    """Nobody adds, changes or deletes rows of the ledger by hand; services move them on."""

    paginator = CappedPaginator
    list_before_template = "notifier/admin_hint.html"
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_intervene_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_notification")


def choose_ids(queryset: QuerySet[Any]) -> list[UUID]:
    """Return the ids of the selected rows, as many as one action may take."""
    return list(queryset.values_list("pk", flat=True)[:MAX_SELECTED])


def log_intervention(request: HttpRequest, rows: Sequence[Model], *, message: str) -> None:
    """Write into the admin's history who did what: the timeline knows only what was done."""
    LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, message)  # type: ignore[arg-type]  # takes any iterable of rows
