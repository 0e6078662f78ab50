"""The admin's pages for the ledger: to look at and to intervene, never to edit."""

from apps.notifications.admin.batches import BatchAdmin
from apps.notifications.admin.dead_letters import DeadLetterAdmin
from apps.notifications.admin.notifications import NotificationAdmin

__all__ = ["BatchAdmin", "DeadLetterAdmin", "NotificationAdmin"]
