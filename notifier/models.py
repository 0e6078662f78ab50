"""The tenant, to whom everything belongs, and the key that outlives the field keys."""

from django.core.validators import RegexValidator
from django.db import models

from notifier.audit_entry import AuditEntry
from notifier.encrypted_fields import EncryptedTextField
from notifier.identifiers import new_id

__all__ = ["AuditEntry", "LastingKey", "Organization"]
SLUG = RegexValidator(r"^[a-z0-9][a-z0-9-]{0,62}$", "lowercase letters, digits and dashes")


class Organization(models.Model):
    """A tenant.

    It stands in the kernel because users and templates, which know nothing of each other, both
    belong to one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=63, unique=True, validators=[SLUG])
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class LastingKey(models.Model):
    """A random key, hex and sealed by the field keys: see `notifier.encryption_lasting`."""

    name = models.CharField(primary_key=True, max_length=20)
    wrapped = EncryptedTextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
