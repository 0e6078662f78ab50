"""Purge: what nobody needs any more."""

from datetime import datetime, timedelta

from apps.delivery.models import CapturedMessage
from apps.users.models import Session

KEEP_CAPTURED = timedelta(days=14)


def purge_leftovers(*, now: datetime) -> dict[str, int]:
    """Delete captured messages of more than two weeks ago and expired sessions; return counts."""
    captured, _ = CapturedMessage.objects.filter(captured_at__lt=now - KEEP_CAPTURED).delete()
    sessions, _ = Session.objects.expired(now).delete()
    return {"captured_messages": captured, "sessions": sessions}
