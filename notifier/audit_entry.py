"""The table of the audit log; `notifier.audit` writes it, `notifier.models` shows it to Django."""

from typing import Self
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from notifier.identifiers import new_id


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def in_organization(self, organization_id: UUID) -> Self:
        return self.filter(organization_id=organization_id)


class AuditEntry(models.Model):
    """One change: who, what, when, from where.

    Triggers in the database refuse every UPDATE, and the DELETE of an entry of the last 30 days.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    # No constraint: entries outlive what they tell of.
    organization = models.ForeignKey(
        "notifier.Organization",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,  # the index below begins with it
        related_name="+",
    )
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=320, blank=True)
    correlation_id = models.CharField(max_length=128, blank=True)
    action = models.CharField(max_length=50)
    object_type = models.CharField(max_length=30)
    object_id = models.CharField(max_length=100, blank=True)
    changes = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit log"
        indexes = [
            models.Index(fields=["organization", "-id"], name="audit_of_organization"),
            models.Index(fields=["object_id", "-id"], name="audit_of_object"),
            models.Index(fields=["actor_id", "-id"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"
