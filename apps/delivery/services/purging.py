"""Purge: what nobody needs any more."""

from datetime import datetime, timedelta

from django.conf import settings

from apps.delivery.models import CapturedMessage
from apps.notifications.models.retention import clear_contents, delete_rows
from apps.notifications.services.personal import erase_latecomers
from apps.users.models import Session
from notifier.audit import purge_audit_log

KEEP_CAPTURED = timedelta(days=14)


def purge_leftovers(*, now: datetime) -> dict[str, int]:
    """Delete what is over and return counts.

    That is captured messages of more than two weeks ago, expired sessions, and entries of the
    audit log that are older than it is kept. What came for users while they were erased follows
    them.
    """
    erase_latecomers(now=now)
    captured, _ = CapturedMessage.objects.filter(captured_at__lt=now - KEEP_CAPTURED).delete()
    sessions, _ = Session.objects.expired(now).delete()
    kept_for = timedelta(days=settings.AUDIT_RETENTION_DAYS)
    entries = purge_audit_log(before=now - kept_for)
    return {
        "captured_messages": captured,
        "sessions": sessions,
        "audit_entries": entries,
        **_shorten_ledger(now),
    }


def _shorten_ledger(now: datetime) -> dict[str, int]:
    """Delete old notifications, and empty those that are not that old; 0 days is never."""
    rows, contents = settings.LEDGER_RETENTION_DAYS, settings.CONTENT_RETENTION_DAYS
    return {
        "notifications": delete_rows(before=now - timedelta(days=rows)) if rows else 0,
        "contents": clear_contents(before=now - timedelta(days=contents)) if contents else 0,
    }
