"""API keys: making, recognising, revoking."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from apps.users.models import ApiKey, digest_secret
from apps.users.models.api_keys import PREFIX_LENGTH
from apps.users.services.field_checks import check_values
from notifier.authentication import Mode, Principal, Scope
from notifier.errors import InvalidRequest, NotFound, Unauthenticated

SECRET_BYTES = 32  # 43 URL-safe characters


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
    secret = f"ntf_{mode}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key = ApiKey.objects.create(
        organization_id=organization_id,
        prefix=secret[:PREFIX_LENGTH],
        digest=digest_secret(secret),
        created_by_id=created_by_id,
        expires_at=expires_at,
        **values,
    )
    return key, secret


def find_api_key(*, organization_id: UUID, key_id: UUID) -> ApiKey:
    key = ApiKey.objects.filter(organization_id=organization_id, pk=key_id).first()
    if key is None:
        raise NotFound("no such API key")
    return key


def revoke_api_key(*, organization_id: UUID, key_id: UUID, now: datetime) -> ApiKey:
    """End a key at once and return it; to revoke it again changes nothing. Raises NotFound."""
    ApiKey.objects.filter(organization_id=organization_id, pk=key_id).revoke(now)
    return find_api_key(organization_id=organization_id, key_id=key_id)


def authenticate_key(secret: str) -> Principal:
    """Return the program that a key stands for.

    Raises Unauthenticated for an unknown, revoked or expired one.
    """
    now = timezone.now()
    key = ApiKey.objects.usable_at(now).filter(digest=digest_secret(secret)).first()
    if key is None:
        raise Unauthenticated("the API key is unknown, revoked or expired")
    ApiKey.objects.note_use(key=key, now=now)
    return Principal(
        organization_id=key.organization_id,
        scopes=frozenset(key.scopes),
        mode=_mode_of(key),
        api_key_id=key.pk,
    )


def _mode_of(key: ApiKey) -> Mode:
    return "test" if key.mode == ApiKey.Mode.TEST else "live"
