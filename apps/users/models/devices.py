"""Devices that take push messages."""

from django.db import models

from apps.users.models.accounts import User
from apps.users.models.validators import MAX_TOKEN, check_token
from notifier.addresses import mask_token
from notifier.encrypted_fields import EncryptedTextField
from notifier.encryption_lasting import INDEX_LENGTH
from notifier.identifiers import new_id
from notifier.models import Organization


class Platform(models.TextChoices):
    IOS = "ios", "iOS"
    ANDROID = "android", "Android"
    WEB = "web", "Web"


class Device(models.Model):
    """One installation of an app or browser, known by its push token.

    A token belongs to one user of an organization at a time: whoever signs in on the device last.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    token = EncryptedTextField(max_length=MAX_TOKEN, validators=[check_token])
    # What stands for the token in look-ups: see `blind_index`.
    token_digest = models.CharField(max_length=INDEX_LENGTH, editable=False)
    platform = models.CharField(max_length=10, choices=Platform.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "token_digest"], name="one_device_per_token"
            )
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.masked_token}"

    @property
    def masked_token(self) -> str:
        return mask_token(self.token)
