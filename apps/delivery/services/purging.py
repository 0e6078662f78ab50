"""Purge: what nobody needs any more."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from apps.delivery.models import CapturedMessage
from apps.notifications.models.retention import clear_contents, delete_rows
from apps.notifications.services.personal import erase_latecomers
from apps.users.models import Session
from notifier.audit import purge_audit_log

KEEP_CAPTURED = timedelta(days=14)
# The database keeps the last 30 days of the audit log by its own clock, which may be behind ours.
CLOCKS_APART = timedelta(minutes=1)
# What is emptied every hour was accepted so shortly before it is due; most ends within that.
USUALLY_OVER = timedelta(days=2)
# Once a day everything is looked at: what ended late, and what was not looked at in time.
HOUR_OF_FULL_WALK = 3  # UTC


def purge_leftovers(*, now: datetime) -> dict[str, int]:
    """Delete what is over and return counts.

    That is captured messages of more than two weeks ago, expired sessions, and entries of the
    audit log that are older than it is kept. What came for users while they were erased follows
    them.
    """
    erase_latecomers(now=now)
    captured, _ = CapturedMessage.objects.filter(captured_at__lt=now - KEEP_CAPTURED).delete()
    sessions, _ = Session.objects.expired(now).delete()
    ledger = _shorten_ledger(now)
    # Last: should the database refuse it, the rest is done.
    kept_for = timedelta(days=settings.AUDIT_RETENTION_DAYS)
    entries = purge_audit_log(before=now - kept_for - CLOCKS_APART)
    return {
        "captured_messages": captured,
        "sessions": sessions,
        "audit_entries": entries,
        **ledger,
    }


def _shorten_ledger(now: datetime) -> dict[str, int]:
    """Delete old notifications, and empty those that are not that old; 0 days is never."""
    rows, contents = settings.LEDGER_RETENTION_DAYS, settings.CONTENT_RETENTION_DAYS
    return {
        "notifications": delete_rows(before=now - timedelta(days=rows)) if rows else 0,
        "contents": _clear_old(now, timedelta(days=contents)) if contents else 0,
    }


def _clear_old(now: datetime, kept_for: timedelta) -> int:
    before = now - kept_for
    is_full_walk = now.astimezone(UTC).hour == HOUR_OF_FULL_WALK
    return clear_contents(
        before=before, accepted_after=None if is_full_walk else before - USUALLY_OVER
    )
