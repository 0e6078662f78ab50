"""The timeline as a picture: one step for each event, with what passed before and what follows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.notifications.admin.explanations import explain_event
from apps.notifications.models import NotificationEvent
from notifier.shown_values import describe_seconds

# What is due at once differs from now by the clock's last digits.
SHORTEST_WAIT = 0.1
# A wait is drawn as a gap of its own from so long.
DRAWN_WAIT = 1.0
# Replays aside, a notification has a handful of events; these are for the one that has thousands.
MOST_EVENTS = 500
ICONS = {
    "pending": "schedule",
    "queued": "outbox",
    "sending": "cloud_upload",
    "sent": "check",
    "delivered": "done_all",
    "bounced": "reply",
    "failed": "close",
    "skipped": "block",
    "cancelled": "cancel",
    "expired": "timer_off",
    "opened": "drafts",
    "clicked": "ads_click",
    "complained": "report",
    "unsubscribed": "unsubscribe",
}
TONES = {
    "sent": "good",
    "delivered": "good",
    "opened": "good",
    "clicked": "good",
    "failed": "bad",
    "bounced": "bad",
    "complained": "bad",
    "skipped": "warn",
    "cancelled": "warn",
    "expired": "warn",
    "unsubscribed": "warn",
    "pending": "wait",
    "queued": "wait",
    "sending": "wait",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event as it is drawn: `since_last` and `wait` are durations in words, "" for none."""

    event: NotificationEvent
    title: str
    tone: str
    icon: str
    explanation: str
    words: str
    since_last: str
    has_gap: bool
    wait: str
    is_in_doubt: bool


def tell_story(object_id: str) -> list[Step]:
    """Return the steps of a notification in their order; none for what is no id."""
    try:
        rows = NotificationEvent.objects.filter(notification=UUID(object_id)).order_by("id")
    except ValueError:
        return []
    events = list(rows[:MOST_EVENTS])
    before: list[NotificationEvent | None] = [None, *events[:-1]]
    return [_draw_step(event, last) for event, last in zip(events, before, strict=True)]


def _draw_step(event: NotificationEvent, last: NotificationEvent | None) -> Step:
    passed = event.at - last.at if last else timedelta(0)
    is_in_doubt = "in_doubt" in (event.reason, event.error_code)
    tone = TONES.get(event.status, "calm")
    has_trouble = event.status == "pending" and event.error_code
    return Step(
        event=event,
        title=_name_step(event, last),
        tone="warn" if is_in_doubt or has_trouble else tone,
        icon="help" if is_in_doubt else ICONS.get(event.status, "info"),
        explanation=_explain(event, last),
        words=_quote_provider(event),
        since_last=f"+{describe_seconds(passed.total_seconds())}" if last else "",
        has_gap=passed.total_seconds() >= DRAWN_WAIT,
        wait=_describe_wait(event.due_at, event.at),
        is_in_doubt=is_in_doubt,
    )


def _name_step(event: NotificationEvent, last: NotificationEvent | None) -> str:
    """Return the status, or what happened where the status alone would not say it."""
    if last is None and event.status == "pending":
        return "accepted"
    if event.reason == "replay":
        return "replayed"
    if event.status == "pending":
        return "waiting"
    return event.status


def _explain(event: NotificationEvent, last: NotificationEvent | None) -> str:
    is_accept = last is None and event.status == "pending"
    if is_accept and _describe_wait(event.due_at, event.at):
        return "Accepted and stored; scheduled for later by the client."
    return explain_event(status=event.status, reason=event.reason, error_code=event.error_code)


def _quote_provider(event: NotificationEvent) -> str:
    """Return the provider's words, unless they are among those of each provider tried."""
    tried = [failure.get("error") for failure in event.detail.get("tried", [])]
    return "" if event.error in tried else event.error


def _describe_wait(due_at: datetime | Any, at: datetime) -> str:
    seconds = (due_at - at).total_seconds() if due_at else 0
    return describe_seconds(seconds) if seconds >= SHORTEST_WAIT else ""
