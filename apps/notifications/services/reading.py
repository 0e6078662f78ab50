"""Reading the ledger: statistics, template usage and batches."""

from collections.abc import Iterable
from datetime import datetime
from statistics import quantiles
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour

from apps.notifications.models import FINAL_STATUSES, Batch, Notification, Status
from notifier.errors import NotFound

# Percentiles come from the newest so many: exact enough, and bounded however much was sent.
SAMPLE = 10_000
_SENT = Q(sent_at__isnull=False)
COUNTS = {
    "accepted": Count("id"),
    "sent": Count("id", filter=_SENT),
    "delivered": Count("id", filter=Q(status=Status.DELIVERED)),
    "failed": Count("id", filter=Q(status__in=[Status.FAILED, Status.BOUNCED])),
}


def summarise_providers(*, organization_id: UUID, since: datetime) -> list[dict[str, Any]]:
    """Return counts, delivery rate and accept-to-sent percentiles per channel and provider."""
    rows = _accepted_since(organization_id, since)
    groups = rows.values("channel", "provider").annotate(**COUNTS).order_by("channel", "provider")
    return [_with_durations(dict(group), rows) for group in groups]


def count_per_hour(*, organization_id: UUID, since: datetime) -> list[dict[str, Any]]:
    rows = _accepted_since(organization_id, since).annotate(hour=TruncHour("created_at"))
    groups = rows.values("hour", "channel").annotate(**COUNTS).order_by("hour", "channel")
    return [dict(group) for group in groups]


def count_template_usage(*, organization_id: UUID, code: str) -> list[dict[str, Any]]:
    """Return sent, delivered and failed per version and language of a template."""
    rows = Notification.objects.in_organization(organization_id).filter(template_code=code)
    groups = rows.filter(template_version__isnull=False).values(
        "template_version__number", "template_version__language"
    )
    counted = groups.annotate(**COUNTS).order_by("template_version__number")
    return [dict(group) for group in counted]


def find_batch(*, organization_id: UUID, batch_id: UUID) -> tuple[Batch, dict[str, int], int]:
    """Return a batch, its notifications by status, and how many of them are final."""
    batch = Batch.objects.filter(organization_id=organization_id, pk=batch_id).first()
    if batch is None:
        raise NotFound("no such batch")
    groups = batch.notifications.order_by().values_list("status").annotate(count=Count("id"))
    by_status = dict(groups)
    finished = sum(count for status, count in by_status.items() if status in FINAL_STATUSES)
    return batch, by_status, finished


def _accepted_since(
    organization_id: UUID, since: datetime
) -> "QuerySet[Notification, Notification]":
    return (
        Notification.objects.in_organization(organization_id)
        .filter(created_at__gte=since)
        .order_by()
    )


def _with_durations(
    group: dict[str, Any], rows: "QuerySet[Notification, Notification]"
) -> dict[str, Any]:
    sent = rows.filter(_SENT, channel=group["channel"], provider=group["provider"])
    times = sent.order_by("-created_at").values_list("created_at", "sent_at")[:SAMPLE]
    p50, p95 = _percentiles((done - begun).total_seconds() for begun, done in times if done)
    finished = group["sent"] + group["failed"]
    rate = group["sent"] / finished if finished else None
    return {**group, "p50": p50, "p95": p95, "delivery_rate": rate}


def _percentiles(seconds: Iterable[float]) -> tuple[float | None, float | None]:
    values = sorted(seconds)
    if not values:
        return None, None
    cuts = quantiles(values, n=20) if len(values) > 1 else [values[0]] * 19
    return cuts[9], cuts[18]
