"""One bulk request and what became of it."""

from django.db import models

from notifier.encrypted_fields import EncryptedJSONField
from notifier.identifiers import new_id
from notifier.models import Organization


class Batch(models.Model):
    """A bulk request; `answer` is what was answered, so that the same request answers the same."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    channel = models.CharField(max_length=8)
    request_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  # unique, and most have none
    request_digest = models.CharField(max_length=64)
    answer = EncryptedJSONField(default=dict)  # what it says about bad rows may quote them
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "request_id"], name="batch_request_id_once"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
