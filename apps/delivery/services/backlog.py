"""How much waits to be sent, for how long, and how much was given up: for health and metrics."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from apps.notifications.models import Channel, Notification, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """One channel's numbers of notifications, and the age of the oldest that is due (0: none)."""

    pending: int
    oldest_due_seconds: float
    dead_letters: int


def measure_backlog(*, now: datetime) -> dict[str, Backlog]:
    """Return what waits in each channel, over all organizations."""
    waiting = Notification.objects.filter(status=Status.PENDING).order_by().values("channel")
    letters = Notification.objects.dead_letters().order_by().values("channel")
    pending = dict(waiting.annotate(count=Count("*")).values_list("channel", "count"))
    oldest = dict(waiting.annotate(due=Min("due_at")).values_list("channel", "due"))
    given_up = dict(letters.annotate(count=Count("*")).values_list("channel", "count"))
    return {
        channel: Backlog(
            pending=pending.get(channel, 0),
            oldest_due_seconds=max(0.0, (now - oldest.get(channel, now)).total_seconds()),
            dead_letters=given_up.get(channel, 0),
        )
        for channel in Channel.values
    }
