"""What the pages of the ledger share: read-only rows, badges, a list that stays fast."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.notifications.models import Notification, NotificationEvent, Status
from apps.notifications.services.intervening import MAX_SELECTED
from apps.notifications.services.suppressing import index_for_search

MOST_COUNTED = 10_000
MASKED_FROM = 12
SHORTEST_WAIT = 0.1  # what is due at once differs from now by the clock's last digits
BADGES = {
    Status.PENDING: "info",
    Status.QUEUED: "info",
    Status.SENDING: "info",
    Status.SENT: "success",
    Status.DELIVERED: "success",
    Status.BOUNCED: "danger",
    Status.FAILED: "danger",
    Status.SKIPPED: "warning",
    Status.CANCELLED: "warning",
    Status.EXPIRED: "warning",
}


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # generic in stubs only
    """Counts no further than a list is read: counting millions of rows takes seconds."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:MOST_COUNTED].count()


class LedgerAdmin(ModelAdmin):
    """Nobody adds, changes or deletes rows of the ledger by hand; services move them on."""

    paginator = CappedPaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_intervene_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_notification")


class NotificationPages(LedgerAdmin):
    """The list and the page of a notification, and of a dead letter, which is one."""

    search_fields = ("pk",)  # shows the box; see get_search_results
    search_help_text = "Exactly: id, request_id, recipient or correlation id"
    list_select_related = ("organization",)
    change_form_outer_before_template = "notifications/admin_timeline.html"
    fieldsets = (
        (None, {"fields": ("id", "organization", "channel", "mode", "priority", "batch")}),
        ("To", {"fields": ("user", "shown_recipient", "platform")}),
        ("What", {"fields": ("template_version", "language", "content", "variables", "metadata")}),
        ("Asked for", {"fields": ("request_id", "correlation_id", "delivery_guarantee")}),
        (
            "Where it stands",
            {
                "fields": (
                    "status_badge",
                    "reason",
                    "attempts",
                    "retries",
                    "doubts",
                    "provider",
                    "provider_message_id",
                    "error_code",
                    "error",
                )
            },
        ),
        (
            "Times",
            {
                "fields": (
                    "created_at",
                    "due_at",
                    "expires_at",
                    "lease_until",
                    "sent_at",
                    "finished_at",
                    "dead_lettered_at",
                    "discarded_at",
                )
            },
        ),
    )
    readonly_fields = ("shown_recipient", "status_badge")

    class Media:
        css = {"all": ["notifications/timeline.css"]}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "timeline": _tell_timeline(object_id),
            "may_intervene": self.has_intervene_permission(request),
        }
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Match exactly: searching inside the texts of millions of rows takes minutes."""
        term = search_term.strip()
        if not term:
            return queryset, False
        matches = (
            Q(request_id=term) | Q(recipient_index=index_for_search(term)) | Q(correlation_id=term)
        )
        return queryset.filter(matches | _with_id(term)), False

    @display(description="Status", ordering="status", label=BADGES)
    def status_badge(self, row: Notification) -> str:
        return row.status

    @display(description="Accepted", ordering="created_at")
    def accepted_at(self, row: Notification) -> str:
        return f"{row.created_at:%Y-%m-%d %H:%M:%S}"

    @display(description="Failed", ordering="finished_at")
    def failed_at(self, row: Notification) -> str:
        return f"{row.finished_at:%Y-%m-%d %H:%M:%S}" if row.finished_at else ""

    @display(description="Recipient")
    def shown_recipient(self, row: Notification) -> str:
        """Return an address, or as much of a device token as tells devices apart."""
        if row.channel == "push" and len(row.recipient) > MASKED_FROM:
            return f"{row.recipient[:4]}…{row.recipient[-4:]}"
        return row.recipient or (f"user {row.user_id}" if row.user_id else "")

    def return_from(self, request: HttpRequest) -> HttpResponse | None:
        """Return to the notification whose page asked for an action, None for the list."""
        if "from_page" not in request.POST:
            return None
        chosen = request.POST.get("_selected_action", "")
        return redirect("admin:notifications_notification_change", chosen)


def choose_ids(queryset: QuerySet[Any]) -> list[UUID]:
    """Return the ids of the selected rows, as many as one action may take."""
    return list(queryset.values_list("pk", flat=True)[:MAX_SELECTED])


def log_intervention(request: HttpRequest, rows: Sequence[Model], *, message: str) -> None:
    """Write into the admin's history who did what: the timeline knows only what was done."""
    LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, message)  # type: ignore[arg-type]  # takes any iterable of rows


def _tell_timeline(object_id: str) -> list[tuple[NotificationEvent, str]]:
    """Return the events in their order, each with how long it makes the notification wait."""
    try:
        events = NotificationEvent.objects.filter(notification=UUID(object_id)).order_by("id")
    except ValueError:
        return []
    return [(event, _describe_wait(event)) for event in events]


def _describe_wait(event: NotificationEvent) -> str:
    seconds = (event.due_at - event.at).total_seconds() if event.due_at else 0
    if seconds < SHORTEST_WAIT:
        return ""
    return str(timedelta(seconds=round(seconds))) if seconds >= 60 else f"{seconds:.1f} s"


def _with_id(term: str) -> Q:
    try:
        return Q(pk=UUID(term))
    except ValueError:
        return Q()
