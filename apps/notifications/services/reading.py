"""Reading the ledger: template usage and batches."""

from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count

from apps.notifications.models import FINAL_STATUSES, Batch, Notification
from apps.notifications.services.statistics import COUNTS
from notifier.errors import NotFound

LARGE_BATCH: Final = 10_000  # notifications
COUNTED_FOR: Final = 2  # seconds


def count_template_usage(*, organization_id: UUID, code: str) -> list[dict[str, Any]]:
    """Return sent, delivered and failed per version and language of a template."""
    rows = Notification.objects.in_organization(organization_id).filter(template_code=code)
    groups = rows.filter(template_version__isnull=False).values(
        "template_version__number", "template_version__language"
    )
    counted = groups.annotate(**COUNTS).order_by("template_version__number")
    return [dict(group) for group in counted]


def find_batch(*, organization_id: UUID, batch_id: UUID) -> tuple[Batch, dict[str, int], int]:
    """Return a batch, its notifications by status, and how many of them are final.

    Those of a large batch may be two seconds old: counting reads all of its rows, and who waits
    for a batch asks again and again.
    """
    batch = Batch.objects.filter(organization_id=organization_id, pk=batch_id).first()
    if batch is None:
        raise NotFound("no such batch")
    by_status = _count_by_status(batch)
    finished = sum(count for status, count in by_status.items() if status in FINAL_STATUSES)
    return batch, by_status, finished


def _count_by_status(batch: Batch) -> dict[str, int]:
    key = f"batch-progress:{batch.pk}"
    known: dict[str, int] | None = cache.get(key)
    if known is not None:
        return known
    groups = batch.notifications.order_by().values_list("status").annotate(count=Count("*"))
    by_status = dict(groups)
    if sum(by_status.values()) > LARGE_BATCH:
        cache.set(key, by_status, COUNTED_FOR)
    return by_status
