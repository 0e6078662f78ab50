"""The ledger: notifications, their events, batches and receipts; and how a status may change."""

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

__all__ = [
    "FINAL_STATUSES",
    "Batch",
    "Channel",
    "DeadLetter",
    "Notification",
    "NotificationEvent",
    "Receipt",
    "Status",
]
