"""A notification's timeline as a person or a script reads it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import OutputWrapper

from apps.notifications.models import NotificationEvent
from notifier.management.command_line import write_table

_COLUMNS = ("at", "status", "attempt", "provider", "error_code", "error", "reason", "due_at")


def read_timeline(notification_id: UUID) -> list[dict[str, Any]]:
    """Return every event, oldest first."""
    events = NotificationEvent.objects.filter(notification_id=notification_id).order_by("id")
    return list(events.values(*_COLUMNS, "detail"))


def write_timeline(out: OutputWrapper, events: list[dict[str, Any]]) -> None:
    rows = [
        (
            show_moment(event["at"]),
            event["status"],
            event["attempt"] or "",
            event["provider"],
            event["error_code"],
            event["reason"],
            event["error"],
        )
        for event in events
    ]
    headers = ("AT", "STATUS", "ATTEMPT", "PROVIDER", "ERROR CODE", "REASON", "ERROR")
    write_table(out, headers, rows)


def show_moment(moment: datetime | None, *, precision: str = "milliseconds") -> str:
    """Return a time as `2026-01-31 08:00:00.123Z`, "" for none."""
    if moment is None:
        return ""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(' ', precision)}Z"
