"""API keys: how programs authenticate."""

from datetime import datetime, timedelta
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from apps.users.models.accounts import User
from apps.users.models.digests import DIGEST_LENGTH
from apps.users.models.validators import MAX_NAME, check_name
from notifier.authentication import SCOPES
from notifier.identifiers import new_id
from notifier.models import Organization

PREFIX_LENGTH = 12
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def check_scopes(scopes: object) -> None:
    if not isinstance(scopes, list) or not scopes or not set(scopes) <= set(SCOPES):
        raise ValidationError(f"a list out of {', '.join(SCOPES)}")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable_at(self, now: datetime) -> Self:
        unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
        return self.filter(unexpired, revoked_at__isnull=True, organization__is_active=True)

    def with_digest(self, digest: str, *, now: datetime) -> Self:
        """The key with this secret, or with the one before it in the grace after a rotation."""
        replaced = Q(previous_digest=digest, previous_valid_until__gt=now)
        return self.filter(Q(digest=digest) | replaced)

    def rotate(self, *, prefix: str, digest: str, now: datetime, old_until: datetime) -> bool:
        """Give a usable key a new secret; the one it had is good until `old_until`.

        One conditional UPDATE, so that of concurrent rotations each replaces what the other made.
        """
        changed = self.usable_at(now).update(
            prefix=prefix,
            digest=digest,
            previous_digest=F("digest"),
            previous_valid_until=old_until,
            rotated_at=now,
        )
        return changed == 1

    def revoke(self, now: datetime) -> int:
        return self.filter(revoked_at__isnull=True).update(revoked_at=now)

    def note_use(self, *, key: "ApiKey", now: datetime) -> None:
        """Write `last_used_at`, at most once a minute and by one of many concurrent requests."""
        stale = now - USE_IS_NOTED_EVERY
        if key.last_used_at is None or key.last_used_at < stale:
            due = Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale)
            self.filter(due, pk=key.pk).update(last_used_at=now)


class ApiKey(models.Model):
    """A program's key: its first characters to recognise it by, and the digest of the whole.

    `previous_digest` is of the secret before the last rotation, good until `previous_valid_until`.
    """

    class Mode(models.TextChoices):
        LIVE = "live"
        TEST = "test"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="api_keys"
    )
    name = models.CharField(max_length=MAX_NAME, validators=[check_name])
    prefix = models.CharField(max_length=PREFIX_LENGTH, editable=False)
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True, editable=False)
    # Null, because most keys have none, and "" could be there only once.
    previous_digest = models.CharField(  # noqa: DJ001
        max_length=DIGEST_LENGTH, unique=True, null=True, editable=False
    )
    previous_valid_until = models.DateTimeField(null=True, editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    scopes = models.JSONField(validators=[check_scopes])
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.LIVE)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
