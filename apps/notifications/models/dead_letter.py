"""Dead letters as a model of their own, so that the admin has a page for them."""

from django.db import models

from apps.notifications.models.notification import Notification, NotificationQuerySet


class DeadLetterManager(models.Manager["DeadLetter"]):
    def get_queryset(self) -> NotificationQuerySet:  # type: ignore[override]  # of proxies, which are notifications
        return NotificationQuerySet(self.model, using=self._db).dead_letters()


class DeadLetter(Notification):
    """A notification that was given up and not discarded: it waits for a person."""

    objects = DeadLetterManager()  # type: ignore[assignment,misc]  # fewer rows than the parent's

    class Meta:
        proxy = True
        ordering = ["-finished_at", "-id"]
