"""Routes of notifications, below /api/v1."""

from typing import Any

from apps.notifications.api.views.accepting import (
    BulkView,
    EmailNotificationView,
    PushNotificationView,
)
from apps.notifications.api.views.counting import BatchView, StatisticsView, TemplateUsageView
from apps.notifications.api.views.dead_letters import (
    DeadLetterListView,
    DiscardDeadLettersView,
    ReplayDeadLettersView,
)
from apps.notifications.api.views.notifications import (
    CancelView,
    NotificationListView,
    NotificationView,
    ReplayView,
    StatusView,
    TimelineView,
)
from apps.notifications.api.views.reports import StatusReportView
from notifier.api.routes import route


def _report(channel: str | None = None) -> Any:
    return StatusReportView.as_view(channel=channel)


urlpatterns = [
    *route("notifications", NotificationListView.as_view(), "notifications"),
    *route("notifications/email", EmailNotificationView.as_view(), "notify-email"),
    *route("notifications/push", PushNotificationView.as_view(), "notify-push"),
    *route("notifications/bulk", BulkView.as_view(), "notify-bulk"),
    *route("notifications/status", _report(), "report-status"),
    *route("notifications/email/status", _report("email"), "report-email-status"),
    *route("notifications/push/status", _report("push"), "report-push-status"),
    *route("email/status", _report("email"), "report-status-of-email"),
    *route("push/status", _report("push"), "report-status-of-push"),
    *route("notifications/<uuid:notification_id>", NotificationView.as_view(), "notification"),
    *route("notifications/<uuid:notification_id>/status", StatusView.as_view(), "status"),
    *route("notifications/<uuid:notification_id>/timeline", TimelineView.as_view(), "timeline"),
    *route("notifications/<uuid:notification_id>/cancel", CancelView.as_view(), "cancel"),
    *route("notifications/<uuid:notification_id>/replay", ReplayView.as_view(), "replay"),
    *route("batches/<uuid:batch_id>", BatchView.as_view(), "batch"),
    *route("dead-letters", DeadLetterListView.as_view(), "dead-letters"),
    *route("dead-letters/replay", ReplayDeadLettersView.as_view(), "replay-dead-letters"),
    *route("dead-letters/discard", DiscardDeadLettersView.as_view(), "discard-dead-letters"),
    *route("stats", StatisticsView.as_view(), "statistics"),
    *route("templates/<str:code>/usage", TemplateUsageView.as_view(), "template-usage"),
]
