"""The status worker's tasks: receipts into rows, and fresh statuses into the cache."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.db import InterfaceError, OperationalError

from apps.notifications.services.receipts import apply_stored_receipts
from apps.notifications.services.status import refresh_statuses
from notifier.topology import APPLY_RECEIPTS, REFRESH_STATUS

_FAULTS_OF_OURS: dict[str, Any] = {
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "max_retries": 5,
}


@shared_task(name=APPLY_RECEIPTS, **_FAULTS_OF_OURS)
def apply_receipts(*, receipt_ids: list[int], **_: object) -> None:
    """Apply stored receipts; applying one twice changes nothing."""
    apply_stored_receipts(ids=receipt_ids)


@shared_task(name=REFRESH_STATUS, **_FAULTS_OF_OURS)
def refresh_status(*, notification_ids: list[str], **_: object) -> None:
    """Bring the cached statuses up to their rows."""
    refresh_statuses(ids=[UUID(each) for each in notification_ids])
