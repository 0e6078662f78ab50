"""What the worker side keeps besides the ledger: captured messages and unreadable ones."""

from django.db import models
from django.db.models.functions import Now

from notifier.encrypted_fields import EncryptedJSONField, EncryptedTextField
from notifier.identifiers import new_id


class CapturedMessage(models.Model):
    """A message that a `capture://` provider (or a test key) kept instead of sending it.

    Shown at /inbox/. It carries no foreign key: what is captured stands for what has left.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    notification_id = models.UUIDField(db_index=True)
    channel = models.CharField(max_length=8)
    provider = models.CharField(max_length=100)
    recipient = EncryptedTextField()
    title = EncryptedTextField(blank=True)
    message = EncryptedJSONField()
    captured_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]  # ids sort by time

    def __str__(self) -> str:
        return f"{self.channel} {self.id}"


class DeadMessage(models.Model):
    """Something that arrived in `failed.queue` and cannot be a notification.

    Malformed, foreign or poison: kept with its headers and the digest of its body, so that a
    person can find out where it came from. The body itself may hold anything, and is not kept.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    arrived_at = models.DateTimeField(db_default=Now())
    first_queue = models.CharField(max_length=255, blank=True)
    cause = models.CharField(max_length=50, blank=True)
    task = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=255, blank=True)
    headers = EncryptedJSONField(default=dict)
    body_digest = models.CharField(max_length=64)
    body_size = models.PositiveIntegerField()

    class Meta:
        ordering = ["-id"]  # ids sort by time

    def __str__(self) -> str:
        return f"{self.cause or 'unreadable'} from {self.first_queue or 'unknown'}"


class CircuitBreaker(models.Model):
    """No table: the circuit breakers live in Redis. It gives them a page and its permissions."""

    name = models.CharField(primary_key=True, max_length=64)

    class Meta:
        managed = False
        default_permissions = ("view", "reset")
        verbose_name = "breaker"

    def __str__(self) -> str:
        return self.name
