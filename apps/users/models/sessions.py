"""Sessions: each is one family of refresh tokens, from sign-in to sign-out."""

from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.db import models

from apps.users.models.accounts import User
from notifier.identifiers import new_id

# How long the token just used still answers. A double click, two tabs or a lost answer come
# within it; they get the session's one current token again, so that the family never forks and
# a thief and the owner still meet at the next rotation.
REUSE_GRACE = timedelta(seconds=10)


class SessionQuerySet(models.QuerySet["Session"]):
    def open_at(self, now: datetime) -> Self:
        return self.filter(revoked_at__isnull=True, expires_at__gt=now)

    def expired(self, now: datetime) -> Self:
        """Those that nothing can be done with any more: `purge` deletes them."""
        return self.filter(expires_at__lte=now)

    def rotate(self, *, old_jti: UUID, new_jti: UUID, now: datetime, expires_at: datetime) -> bool:
        """Take the turn that `old_jti` stands for; False if it was taken or revoked before.

        One conditional UPDATE over the row's own columns: of concurrent callers one wins. (A join
        would become a subquery, which PostgreSQL does not check again after waiting for the row.)
        """
        turn = self.open_at(now).filter(current_jti=old_jti)
        changed = turn.update(
            current_jti=new_jti, previous_jti=old_jti, rotated_at=now, expires_at=expires_at
        )
        return changed == 1

    def just_rotated(self, *, old_jti: UUID, now: datetime) -> Self:
        """Those that took the turn of `old_jti` within the grace."""
        return self.open_at(now).filter(previous_jti=old_jti, rotated_at__gt=now - REUSE_GRACE)

    def revoke(self, now: datetime) -> int:
        """Close what is open; the access tokens of these sessions are refused from here on."""
        return self.filter(revoked_at__isnull=True).update(revoked_at=now)


class Session(models.Model):
    """A sign-in. `current_jti` names the one refresh token that has not been used yet.

    `previous_jti` is the one that was used last, at `rotated_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    current_jti = models.UUIDField()
    previous_jti = models.UUIDField(null=True)
    rotated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.id)
