"""The tenant: everything that belongs to somebody belongs to an organization."""

from django.core.validators import RegexValidator
from django.db import models

from notifier.identifiers import new_id

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
