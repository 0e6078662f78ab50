"""The ledger: notifications, their events, batches, receipts and suppressions; state changes."""

from apps.notifications.models.batch import Batch
from apps.notifications.models.dead_letter import DeadLetter
from apps.notifications.models.event import NotificationEvent
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
    "Notification",
    "NotificationEvent",
    "Receipt",
    "Status",
    "Suppression",
]
