"""API keys: making, recognising, rotating, revoking."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.users.models import ApiKey, digest_secret
from apps.users.models.api_keys import PREFIX_LENGTH
from apps.users.services.field_checks import check_values
from notifier.audit import Changes, describe_new, record_change
from notifier.authentication import Mode, Principal, Scope
from notifier.errors import Conflict, InvalidRequest, NotFound, Unauthenticated

SECRET_BYTES = 32  # 43 URL-safe characters
DEFAULT_GRACE = timedelta(hours=24)  # for the old secret to be replaced wherever it is used
MAX_GRACE = timedelta(days=30)


def create_api_key(
    *,
    organization_id: UUID,
    name: str,
    scopes: Sequence[Scope],
    mode: Mode,
    created_by_id: UUID | None,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Store a key and return it with its secret, which nobody can read again.

    Raises InvalidRequest for a name, scopes or expiry that cannot be.
    """
    values = {"name": name, "scopes": sorted(set(scopes)), "mode": mode}
    check_values(ApiKey, values)
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest.of_field("expires_at", "lies in the past")
    secret = _make_secret(mode)
    with transaction.atomic():
        key = ApiKey.objects.create(
            organization_id=organization_id,
            prefix=secret[:PREFIX_LENGTH],
            digest=digest_secret(secret),
            created_by_id=created_by_id,
            expires_at=expires_at,
            **values,
        )
        _record(key, "created", describe_new(expires_at=expires_at, **values))
    return key, secret


def find_api_key(*, organization_id: UUID, key_id: UUID) -> ApiKey:
    key = ApiKey.objects.filter(organization_id=organization_id, pk=key_id).first()
    if key is None:
        raise NotFound("no such API key")
    return key


def revoke_api_key(*, organization_id: UUID, key_id: UUID, now: datetime) -> ApiKey:
    """End a key at once and return it; to revoke it again changes nothing. Raises NotFound."""
    mine = ApiKey.objects.filter(organization_id=organization_id, pk=key_id)
    with transaction.atomic():
        is_new = mine.revoke(now)
        key = find_api_key(organization_id=organization_id, key_id=key_id)
        if is_new:
            _record(key, "revoked", describe_new(revoked_at=now))
    return key


def rotate_api_key(
    *, organization_id: UUID, key_id: UUID, grace: timedelta, now: datetime
) -> tuple[ApiKey, str]:
    """Give a key a new secret and return both; the old one works on for `grace`.

    Only the secret just replaced does: rotating again ends the one before it at once. Id, scopes,
    mode and expiry stay. Raises NotFound, and Conflict for a key that is revoked or expired.
    """
    key = find_api_key(organization_id=organization_id, key_id=key_id)
    secret = _make_secret(mode_of(key))
    with transaction.atomic():
        is_rotated = ApiKey.objects.filter(pk=key.pk).rotate(
            prefix=secret[:PREFIX_LENGTH],
            digest=digest_secret(secret),
            now=now,
            old_until=now + grace,
        )
        if not is_rotated:
            raise Conflict("a revoked or expired key cannot be rotated; make a new one")
        _record(key, "rotated", describe_new(previous_valid_until=now + grace))
    return find_api_key(organization_id=organization_id, key_id=key_id), secret


def authenticate_key(secret: str) -> Principal:
    """Return the program that a key stands for.

    Raises Unauthenticated for an unknown, revoked or expired one.
    """
    now = timezone.now()
    key = ApiKey.objects.usable_at(now).with_digest(digest_secret(secret), now=now).first()
    if key is None:
        raise Unauthenticated("the API key is unknown, revoked or expired")
    ApiKey.objects.note_use(key=key, now=now)
    return Principal(
        organization_id=key.organization_id,
        scopes=frozenset(key.scopes),
        mode=mode_of(key),
        api_key_id=key.pk,
    )


def mode_of(key: ApiKey) -> Mode:
    return "test" if key.mode == ApiKey.Mode.TEST else "live"


def _make_secret(mode: Mode) -> str:
    return f"ntf_{mode}_{secrets.token_urlsafe(SECRET_BYTES)}"


def _record(key: ApiKey, verb: str, changes: Changes) -> None:
    record_change(
        action=f"api_key.{verb}",
        object_type="api_key",
        object_id=key.pk,
        organization_id=key.organization_id,
        changes=changes,
    )
