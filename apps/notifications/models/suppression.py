"""The suppression list: addresses that get nothing any more, or nothing of kind `marketing`."""

from typing import Final, Self
from uuid import UUID

from django.db import models

from apps.notifications.models.notification import Channel
from apps.users.models import User
from notifier.addresses import MAX_ADDRESS
from notifier.encrypted_fields import EncryptedTextField
from notifier.encryption_lasting import INDEX_LENGTH, blind_index
from notifier.identifiers import new_id
from notifier.models import Organization

# Room for a folded address (see `email_key`), and for any device token in use.
MAX_SUPPRESSED: Final = 4 * MAX_ADDRESS


class Cause(models.TextChoices):
    HARD_BOUNCE = "hard_bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MANUAL = "manual"


class Scope(models.TextChoices):
    ALL = "all"
    MARKETING = "marketing"


# Who unsubscribes still wants the receipt for an order; who complains wants nothing at all.
SCOPE_OF_CAUSE: Final = {
    Cause.HARD_BOUNCE: Scope.ALL,
    Cause.COMPLAINT: Scope.ALL,
    Cause.UNSUBSCRIBE: Scope.MARKETING,
    Cause.MANUAL: Scope.ALL,
}


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def in_organization(self, organization_id: UUID) -> Self:
        return self.filter(organization_id=organization_id)


def index_address(folded: str) -> str:
    """Return what stands for a folded address or a token in look-ups, in every table."""
    return blind_index(folded)


class Suppression(models.Model):
    """One reason not to write to an address.

    An address may have several, so that taking one away (a bounce that was a mistake) leaves the
    others (an unsubscription) standing.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.EMAIL)
    # An e-mail address as `email_key` folds it, or a device token; empty once the person behind it
    # is erased: the index alone goes on keeping mail from the address.
    address = EncryptedTextField(max_length=MAX_SUPPRESSED)
    address_index = models.CharField(max_length=INDEX_LENGTH, editable=False)
    cause = models.CharField(max_length=16, choices=Cause, default=Cause.MANUAL)
    scope = models.CharField(max_length=16, choices=Scope, editable=False)
    source = models.CharField(max_length=100, editable=False)
    note = EncryptedTextField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]  # ids sort by creation
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "channel", "address_index", "cause"],
                name="suppression_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cause} ({self.channel})"  # no address: the admin's history keeps this
