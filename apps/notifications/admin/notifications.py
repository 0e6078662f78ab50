"""The pages of notifications: find one, read its story, cancel or replay it, send one by hand."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.decorators import display

from apps.notifications.admin.filters import (
    AcceptedWithinFilter,
    ConfiguredProviderFilter,
    ModeFilter,
    ScheduleFilter,
    TemplateFilter,
)
from apps.notifications.admin.ledger import choose_ids, log_intervention
from apps.notifications.admin.pages import NotificationPages
from apps.notifications.admin.sending import SendingPage
from apps.notifications.models import Notification, Status
from apps.notifications.services.intervening import cancel_notification, replay_dead_letters
from notifier.errors import Conflict
from notifier.shown_values import NOTHING, show_time


@admin.register(Notification)
class NotificationAdmin(SendingPage, NotificationPages):
    hint = "The newest first. Open one to see what happened to it and why."
    begin = "None yet: choose Send in the menu, or let a program POST /api/v1/notifications."
    list_display = (
        "accepted_at",
        "status_badge",
        "channel",
        "shown_recipient",
        "shown_template_code",
        "provider",
        "outcome",
        "organization",
    )
    list_filter = (
        "status",
        AcceptedWithinFilter,
        ScheduleFilter,
        "channel",
        TemplateFilter,
        ConfiguredProviderFilter,
        ModeFilter,
        "organization",
    )
    ordering = ("-id",)  # newest first, by the primary key's index
    actions = ("replay_selected", "cancel_selected")

    def get_urls(self) -> list[URLPattern]:
        sending = self.admin_site.admin_view(self.send_view)
        urls: list[URLPattern] = super().get_urls()
        return [path("send/", sending, name="notifications_send"), *urls]

    @display(description="Template", ordering="template_code")
    def shown_template_code(self, row: Notification) -> str:
        return row.template_code or "own content"

    @display(description="Outcome")
    def outcome(self, row: Notification) -> Any:
        """Return the most telling fact: why not, or how long still, or after how many attempts."""
        if row.error_code:
            return row.error_code
        if row.status == Status.PENDING and row.due_at > row.created_at:
            return show_time(row.due_at)
        if row.reason and row.status not in (Status.DELIVERED, Status.SENT):
            return row.reason.replace("_", " ")
        return f"{row.attempts} attempts" if row.attempts > 1 else NOTHING

    @admin.action(description="Replay what failed", permissions=["intervene"])
    def replay_selected(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> HttpResponse | None:
        replayed = replay_dead_letters(ids=choose_ids(queryset))
        rows = list(Notification.objects.filter(pk__in=replayed))
        log_intervention(request, rows, message="Replayed")
        messages.success(request, f"{len(rows)} replayed; only failed ones can be")
        return self.return_from(request)

    @admin.action(description="Cancel what is pending", permissions=["intervene"])
    def cancel_selected(
        self, request: HttpRequest, queryset: QuerySet[Notification]
    ) -> HttpResponse | None:
        rows = Notification.objects.filter(pk__in=choose_ids(queryset))
        cancelled = [row for row in rows if _cancel(row)]
        log_intervention(request, cancelled, message="Cancelled")
        messages.success(request, f"{len(cancelled)} cancelled; only pending ones can be")
        return self.return_from(request)


def _cancel(row: Notification) -> bool:
    try:
        cancel_notification(notification=row)
    except Conflict:
        return False
    return True
