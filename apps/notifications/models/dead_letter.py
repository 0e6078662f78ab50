"""Dead letters as a model of their own, so that the admin has a page for them."""

from uuid import UUID

from django.db import models

from apps.notifications.models.change import TABLE, run_often
from apps.notifications.models.notification import Notification, NotificationQuerySet
from notifier.sql import as_uuid, asked_at_sql


class DeadLetterManager(models.Manager["DeadLetter"]):
    def get_queryset(self) -> NotificationQuerySet:  # type: ignore[override]  # of proxies, which are notifications
        return NotificationQuerySet(self.model, using=self._db).dead_letters()


class DeadLetter(Notification):
    """A notification that was given up and not discarded: it waits for a person."""

    objects = DeadLetterManager()  # type: ignore[assignment,misc]  # fewer rows than the parent's

    class Meta:
        proxy = True
        ordering = ["-finished_at", "-id"]


def find_unrouted(*, after_seconds: float, limit: int) -> list[UUID]:
    """Return dead letters whose story has not reached `failed.queue` for so long."""
    sql = (
        f"SELECT id FROM {TABLE} WHERE status = 'failed' AND discarded_at IS NULL"
        f" AND dead_lettered_at IS NULL AND finished_at < {asked_at_sql(plus='-%s')}"
        " ORDER BY finished_at LIMIT %s"
    )
    return [as_uuid(row[0]) for row in run_often(sql, [after_seconds, limit])]
