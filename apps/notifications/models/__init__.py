"""The ledger: notifications, events, batches, receipts, suppressions, counts; state changes."""

from apps.notifications.models.batch import Batch
from apps.notifications.models.dead_letter import DeadLetter
from apps.notifications.models.event import NotificationEvent
from apps.notifications.models.hourly_count import HourlyCount
from apps.notifications.models.notification import (
    FINAL_STATUSES,
    Channel,
    Notification,
    Status,
)
from apps.notifications.models.receipt import Receipt
from apps.notifications.models.suppression import Cause, Suppression

__all__ = [
    "FINAL_STATUSES",
    "Batch",
    "Cause",
    "Channel",
    "DeadLetter",
    "HourlyCount",
    "Notification",
    "NotificationEvent",
    "Receipt",
    "Status",
    "Suppression",
]
