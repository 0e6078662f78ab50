"""The status worker's tasks: receipts into rows, and fresh statuses into the cache."""

from uuid import UUID

from celery import shared_task

from apps.notifications.services.receipts import apply_stored_receipts
from apps.notifications.services.status import refresh_statuses
from notifier.faults import RETRY_WHILE_AWAY
from notifier.topology import APPLY_RECEIPTS, REFRESH_STATUS


@shared_task(name=APPLY_RECEIPTS, **RETRY_WHILE_AWAY)
def apply_receipts(*, receipt_ids: list[int], **_: object) -> None:
    """Apply stored receipts; applying one twice changes nothing."""
    apply_stored_receipts(ids=receipt_ids)


@shared_task(name=REFRESH_STATUS, **RETRY_WHILE_AWAY)
def refresh_status(*, notification_ids: list[str], **_: object) -> None:
    """Bring the cached statuses up to their rows."""
    refresh_statuses(ids=[UUID(each) for each in notification_ids])
