"""What the outside reports about a notification: provider webhooks and the status callback."""

from django.db import models
from django.db.models.functions import Now

from apps.notifications.models.change import run_often
from apps.notifications.models.notification import Notification
from notifier.sql import asked_at_sql

TABLE = "notifications_receipt"


class Receipt(models.Model):
    """One report, stored before it is acknowledged; the status worker applies it to the row."""

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="receipts")
    source = models.CharField(max_length=100)
    event_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=16)
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id"], name="receipt_once"),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(applied_at=None), name="receipt_unapplied"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.source}"


def find_unapplied(*, after: int, limit: int) -> list[int]:
    """Return the ids of reports behind `after` that wait to be applied, the oldest first."""
    sql = f"SELECT id FROM {TABLE} WHERE applied_at IS NULL AND id > %s ORDER BY id LIMIT %s"
    return [row[0] for row in run_often(sql, [after, limit])]


def find_forgotten(*, after_seconds: float, limit: int) -> list[int]:
    """Return the ids of reports that have waited for so long to be applied, the oldest first."""
    sql = (
        f"SELECT id FROM {TABLE} WHERE applied_at IS NULL"
        f" AND received_at < {asked_at_sql(plus='-%s')} ORDER BY id LIMIT %s"
    )
    return [row[0] for row in run_often(sql, [after_seconds, limit])]
