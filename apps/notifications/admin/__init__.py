"""The admin's pages for the ledger (to intervene, never to edit) and for suppressions."""

from apps.notifications.admin.batches import BatchAdmin
from apps.notifications.admin.dead_letters import DeadLetterAdmin
from apps.notifications.admin.notifications import NotificationAdmin
from apps.notifications.admin.suppressions import SuppressionAdmin

__all__ = ["BatchAdmin", "DeadLetterAdmin", "NotificationAdmin", "SuppressionAdmin"]
