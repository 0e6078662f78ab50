"""The notification: one message to one person, and the truth about where it stands."""

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from apps.notifications.models.batch import Batch
from apps.templates.models import TemplateVersion
from apps.users.models import User
from notifier.authentication import Principal
from notifier.encrypted_fields import EncryptedJSONField, EncryptedTextField
from notifier.encryption_lasting import INDEX_LENGTH
from notifier.identifiers import new_id
from notifier.models import Organization


class Channel(models.TextChoices):
    EMAIL = "email"
    PUSH = "push"


class Status(models.TextChoices):
    """Spec section 2. Who moves a notification on is said at each transition."""

    PENDING = "pending"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


FINAL_STATUSES = frozenset(Status) - {Status.PENDING, Status.QUEUED, Status.SENDING}


class NotificationQuerySet(models.QuerySet["Notification"]):
    def in_organization(self, organization_id: UUID) -> Self:
        return self.filter(organization_id=organization_id)

    def readable_by(self, principal: Principal) -> Self:
        """What a caller may read: all of its organization with `read`, else its own."""
        rows = self.in_organization(principal.organization_id)
        if principal.can("read"):
            return rows
        # Without a person behind the caller, `user_id=None` would match every bare address.
        return rows.filter(user_id=principal.user_id) if principal.user_id else rows.none()

    def without_private(self) -> Self:
        """Leave sealed what is not needed: opening it takes time, and a key that may be gone."""
        return self.defer("recipient", "content", "variables", "metadata")

    def dead_letters(self) -> Self:
        """Given up and not discarded: they wait for a person."""
        return self.filter(status=Status.FAILED, discarded_at=None)


class Notification(models.Model):
    """The row is the truth; a message in the broker is only a hint that there is work."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Each index that is not partial is written four times for a mail: foreign keys have none that
    # another one begins with or that nobody looks things up by (docs/performance.md).
    organization = models.ForeignKey(
        Organization, models.PROTECT, related_name="+", db_index=False
    )
    batch = models.ForeignKey(
        Batch,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="notifications",
        db_index=False,
    )
    channel = models.CharField(max_length=8, choices=Channel)
    mode = models.CharField(max_length=4, default="live")
    priority = models.PositiveSmallIntegerField(default=5)
    correlation_id = models.CharField(max_length=128)
    # W3C context that a trace goes on from, "" where nothing is traced: see `notifier.tracing`.
    traceparent = models.CharField(max_length=55, blank=True, default="", db_default="")

    # Who asked for it, so that asking again creates nothing.
    request_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # unique, and most have none
    request_digest = models.CharField(max_length=64)

    # To whom. `recipient` is an address or a device token; empty for a push to a user, whose
    # devices are looked up at delivery. Its index finds it: see `index_recipient`.
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    recipient = EncryptedTextField(blank=True)
    recipient_index = models.CharField(
        max_length=INDEX_LENGTH, blank=True, default="", editable=False
    )
    platform = models.CharField(max_length=8, blank=True)

    # What.
    template_version = models.ForeignKey(
        TemplateVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,  # versions are never deleted
    )
    template_code = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=35, blank=True)
    content = EncryptedJSONField(null=True, blank=True)
    variables = EncryptedJSONField(default=dict, blank=True)
    metadata = EncryptedJSONField(default=dict, blank=True)
    delivery_guarantee = models.CharField(max_length=16, default="at_least_once")

    # Where it stands.
    status = models.CharField(max_length=10, choices=Status)
    reason = models.CharField(max_length=50, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    retries = models.PositiveSmallIntegerField(default=0)
    doubts = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    provider = models.CharField(max_length=100, blank=True)
    provider_message_id = models.CharField(max_length=255, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    detail = models.JSONField(default=dict, blank=True)
    reached_devices = models.JSONField(default=list, blank=True)

    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    dead_lettered_at = models.DateTimeField(null=True, blank=True)
    discarded_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "request_id"], name="notification_request_id_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel", "organization", "priority", "due_at"],
                condition=models.Q(status="pending"),
                name="notification_lanes",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status__in=["queued", "sending"]),
                name="notification_in_flight",
            ),
            models.Index(
                fields=["finished_at"],
                condition=models.Q(status="failed", discarded_at=None),
                name="notification_dead_letters",
            ),
            models.Index(
                fields=["finished_at"],
                condition=models.Q(status="failed", dead_lettered_at=None, discarded_at=None),
                name="notification_unrouted",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status="pending", expires_at__isnull=False),
                name="notification_expiring",
            ),
            models.Index(
                fields=["organization", "-created_at", "-id"], name="notification_newest"
            ),
            models.Index(fields=["user", "-created_at"], name="notification_of_user"),
            models.Index(
                fields=["batch"],
                condition=models.Q(batch__isnull=False),
                name="notification_of_batch",
            ),
            models.Index(
                fields=["recipient_index"],
                condition=~models.Q(recipient_index=""),
                name="notification_to_recipient",
            ),
            models.Index(
                fields=["provider_message_id"],
                name="notification_receipt",
                condition=~models.Q(provider_message_id=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.id}"
