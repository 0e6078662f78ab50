"""The timeline: one line for every change of a notification, never changed afterwards."""

from django.db import models
from django.db.models.functions import Now

from apps.notifications.models.notification import Notification


class NotificationEvent(models.Model):
    """What a notification's row said right after a change.

    `status` is a status, or the name of something that happened without changing it
    (`opened`, `clicked`, `complained`, `late`).
    """

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    status = models.CharField(max_length=16)
    attempt = models.PositiveIntegerField(default=0)
    provider = models.CharField(max_length=100, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    reason = models.CharField(max_length=50, blank=True)
    due_at = models.DateTimeField(null=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.status} at {self.at}"
