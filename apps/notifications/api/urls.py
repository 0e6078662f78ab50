"""Routes of notifications, below /api/v1."""

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
from apps.notifications.api.views.reports import view_of_reports
from apps.notifications.api.views.suppressions import SuppressionListView, SuppressionView
from notifier.api.routes import route

# The status callback answers under five paths (spec 3.6); some say the channel.
_REPORTS = {
    "notifications/status": None,
    "notifications/email/status": "email",
    "notifications/push/status": "push",
    "email/status": "email",
    "push/status": "push",
}
report_routes = [
    pattern
    for path, channel in _REPORTS.items()
    for pattern in route(
        path,
        view_of_reports(operation_id=f"report_{path.replace('/', '_')}", channel=channel),
        f"report-{path.replace('/', '-')}",
    )
]

# The busiest first: each pattern before the right one is tried.
urlpatterns = [
    *route("notifications", NotificationListView.as_view(), "notifications"),
    *route("notifications/<uuid:notification_id>/status", StatusView.as_view(), "status"),
    *route("notifications/email", EmailNotificationView.as_view(), "notify-email"),
    *route("notifications/push", PushNotificationView.as_view(), "notify-push"),
    *route("notifications/bulk", BulkView.as_view(), "notify-bulk"),
    *report_routes,
    *route("notifications/<uuid:notification_id>", NotificationView.as_view(), "notification"),
    *route("notifications/<uuid:notification_id>/timeline", TimelineView.as_view(), "timeline"),
    *route("notifications/<uuid:notification_id>/cancel", CancelView.as_view(), "cancel"),
    *route("notifications/<uuid:notification_id>/replay", ReplayView.as_view(), "replay"),
    *route("batches/<uuid:batch_id>", BatchView.as_view(), "batch"),
    *route("dead-letters", DeadLetterListView.as_view(), "dead-letters"),
    *route("dead-letters/replay", ReplayDeadLettersView.as_view(), "replay-dead-letters"),
    *route("dead-letters/discard", DiscardDeadLettersView.as_view(), "discard-dead-letters"),
    *route("suppressions", SuppressionListView.as_view(), "suppressions"),
    *route("suppressions/<uuid:suppression_id>", SuppressionView.as_view(), "suppression"),
    *route("stats", StatisticsView.as_view(), "statistics"),
    *route("templates/<str:code>/usage", TemplateUsageView.as_view(), "template-usage"),
]
