"""What came of the notifications of one hour: counted once they are settled, so that it stays."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import models

from apps.notifications.models.notification import Channel
from notifier.models import Organization
from notifier.sql import is_postgresql, run


class HourlyCount(models.Model):
    """Counts of the notifications that were accepted in an hour, per channel and provider.

    An hour that has rows here is settled: every notification of it has a final status, and its
    rows say what a count of the ledger would. A change takes the hour's rows away.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    channel = models.CharField(max_length=8, choices=Channel)
    provider = models.CharField(max_length=100, blank=True)
    accepted = models.PositiveIntegerField()
    sent = models.PositiveIntegerField()
    delivered = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "hour", "channel", "provider"], name="hourly_count_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%dT%H} {self.channel} {self.provider}"


def lock_counts(organization_id: UUID) -> None:
    """Be the only one, until the transaction ends, who counts or forgets an organization's hours.

    Without it a count that began before a change could be stored after the change took it away.
    SQLite has one writer at a time anyway.
    """
    if is_postgresql():
        key = _lock_key(organization_id)
        run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def try_lock_counts(organization_id: UUID) -> bool:
    """Take the lock of `lock_counts`, unless somebody has it; return whether it was taken."""
    if not is_postgresql():
        return True
    key = _lock_key(organization_id)
    return bool(run("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [key])[0][0])


def _lock_key(organization_id: UUID) -> str:
    return f"hourly_counts:{organization_id}"


def replace_counts(
    organization_id: UUID, hours: Sequence[datetime], counts: Sequence[HourlyCount]
) -> None:
    """Store the counts of settled hours in place of what was known; inside a transaction."""
    HourlyCount.objects.filter(organization=organization_id, hour__in=hours).delete()
    HourlyCount.objects.bulk_create(counts)
