"""The status worker's tasks: receipts into rows, fresh statuses into the cache, statistics."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.notifications.services.receipts import apply_stored_receipts
from apps.notifications.services.statistics import forget_hours, keep_statistics
from apps.notifications.services.status import refresh_statuses
from notifier.faults import RETRY_WHILE_AWAY
from notifier.topology import APPLY_RECEIPTS, COUNT_HOURS, REFRESH_STATUS


@shared_task(name=APPLY_RECEIPTS, **RETRY_WHILE_AWAY)
def apply_receipts(*, receipt_ids: list[int], **_: object) -> None:
    """Apply stored receipts; applying one twice changes nothing."""
    apply_stored_receipts(ids=receipt_ids)


@shared_task(name=REFRESH_STATUS, **RETRY_WHILE_AWAY)
def refresh_status(*, notification_ids: list[str], **_: object) -> None:
    """Bring the cached statuses, and the counts of hours that were settled, up to their rows."""
    ids = [UUID(each) for each in notification_ids]
    refresh_statuses(ids=ids)
    forget_hours(ids=ids, now=timezone.now())


@shared_task(name=COUNT_HOURS, **RETRY_WHILE_AWAY)
def count_hours(**_: object) -> None:
    """Count the hours that are settled (beat, every ten minutes); twice at once does no harm."""
    keep_statistics(now=timezone.now())
