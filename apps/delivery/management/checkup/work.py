"""Checks of the work itself: is it taken up, and what was given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.delivery.management.checkup.finding import SECONDS, Finding, failed, passed, warned
from apps.delivery.models import DeadMessage
from apps.notifications.models import Notification, NotificationEvent, Status
from notifier.management.command_line import manage_command
from notifier.sql import is_postgresql

# A relay wakes every second; longer than this means none, or workers that do not keep up.
WAITS_LONG = timedelta(seconds=10)
WAITS_TOO_LONG = timedelta(seconds=60)
NEWEST_EVENTS = 500  # among so many there is a publication, if a relay is at work


def check_relay() -> Finding:
    now = timezone.now()
    with bounded_queries():
        waiting = Notification.objects.filter(status=Status.PENDING, due_at__lte=now)
        oldest = waiting.order_by("due_at").values_list("due_at", flat=True).first()
        published_at = find_last_publication()
    return judge_relay(oldest_due_at=oldest, published_at=published_at, now=now)


def judge_relay(
    *, oldest_due_at: datetime | None, published_at: datetime | None, now: datetime
) -> Finding:
    """Old work means no relay, unless one has published just now: then the workers are slow."""
    age = now - oldest_due_at if oldest_due_at else timedelta(0)
    if age <= WAITS_LONG:
        return passed("relay", "nothing due waits for it" if oldest_due_at is None else "keeps up")
    waited = f"the oldest due notification has waited {age.total_seconds():.0f} s"
    if published_at and now - published_at < WAITS_TOO_LONG:
        message = f"at work, but {waited}: too few workers?"
        return warned("relay", message, mend="EMAIL_CONCURRENCY=4 PUSH_CONCURRENCY=4 make stack")
    judge = failed if age > WAITS_TOO_LONG else warned
    return judge("relay", waited, mend=manage_command("up" if settings.IS_EMBEDDED else "relay"))


def find_last_publication() -> datetime | None:
    newest = NotificationEvent.objects.order_by("-id").values_list("status", "at")
    return next((at for status, at in newest[:NEWEST_EVENTS] if status == Status.QUEUED), None)


def check_dead_letters() -> Finding:
    with bounded_queries():
        count = Notification.objects.dead_letters().count()
    if not count:
        return passed("dead letters", "none")
    mend = manage_command("dead_letters", "list")
    return warned("dead letters", f"{count} wait for a person", mend=mend)


def check_dead_messages() -> Finding:
    with bounded_queries():
        count = DeadMessage.objects.count()
    if not count:
        return passed("dead messages", "none")
    mend = manage_command("dead_letters", "messages")
    return warned("dead messages", f"{count} foreign or unreadable ones were kept", mend=mend)


@contextmanager
def bounded_queries() -> Iterator[None]:
    """Have PostgreSQL give up on each of these queries in time (a lock, a huge table)."""
    if not is_postgresql():
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {int(SECONDS * 1000)}")
        yield
