"""The live status: read from the cache when it is there, from the row when not."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.cache import cache

from apps.notifications.models import Notification
from notifier.authentication import Principal
from notifier.errors import NotFound
from notifier.measurements import count_cache_read

# A cached status is at most this far behind its row, also when every refresh is lost (spec 4).
CACHE_SECONDS = 2
_FIELDS = (
    "id",
    "organization_id",
    "user_id",
    "request_id",
    "status",
    "reason",
    "attempts",
    "provider",
    "error_code",
    "error",
    "due_at",
    "sent_at",
    "finished_at",
)


def read_status(*, notification_id: UUID, principal: Principal) -> dict[str, Any]:
    """Return where a notification stands; NotFound when it is not the caller's to see."""
    known = cache.get(_key(notification_id))
    count_cache_read("status", is_hit=known is not None)
    if known is None:
        known = Notification.objects.filter(pk=notification_id).values(*_FIELDS).first()
        if known is not None:
            cache.set(_key(notification_id), known, CACHE_SECONDS)
    if known is None or not _may_read(known, principal):
        raise NotFound("no such notification")
    return dict(known)


def refresh_statuses(*, ids: Sequence[UUID]) -> None:
    """Bring the statuses that are in the cache up to their rows.

    The others nobody has asked for in the last moments: whoever does reads the row.
    """
    cached = cache.get_many([_key(each) for each in ids])
    if not cached:
        return
    rows = Notification.objects.filter(pk__in=[known["id"] for known in cached.values()])
    rows = rows.values(*_FIELDS)
    cache.set_many({_key(row["id"]): row for row in rows}, CACHE_SECONDS)


def _may_read(known: dict[str, Any], principal: Principal) -> bool:
    if known["organization_id"] != principal.organization_id:
        return False
    return principal.can("read") or principal.is_user(known["user_id"])


def _key(notification_id: UUID) -> str:
    return f"status:{notification_id}"
