"""The pages of notifications: find one, read its story, cancel or replay it."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from apps.notifications.admin.filters import ModeFilter, TemplateFilter
from apps.notifications.admin.ledger import NotificationPages, choose_ids, log_intervention
from apps.notifications.models import Notification
from apps.notifications.services.intervening import cancel_notification, replay_dead_letters
from notifier.errors import Conflict


@admin.register(Notification)
class NotificationAdmin(NotificationPages):
    list_display = (
        "accepted_at",
        "status_badge",
        "channel",
        "shown_recipient",
        "template_code",
        "attempts",
        "provider",
        "error_code",
        "organization",
    )
    list_filter = ("status", "channel", ModeFilter, TemplateFilter, "organization")
    ordering = ("-id",)  # newest first, by the primary key's index
    actions = ("replay_selected", "cancel_selected")

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
