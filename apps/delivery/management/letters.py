"""What `manage.py dead_letters` shows: given-up notifications, and messages of strangers."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, OutputWrapper

from apps.delivery.models import DeadMessage
from apps.notifications.management.dead_letter_filters import MAX_AT_ONCE
from apps.notifications.management.timeline import read_timeline, show_moment, write_timeline
from apps.notifications.models import Notification
from apps.notifications.services.intervening import Selection
from notifier.management.command_line import manage_command, printable, write_table

_LETTER_FIELDS = (
    "id",
    "finished_at",
    "channel",
    "template_code",
    "provider",
    "error_code",
    "attempts",
    "reason",
    "error",
)
# Without content and variables: they may be anybody's data, and the API shows them.
_NOTIFICATION_FIELDS = (
    "id",
    "organization__slug",
    "channel",
    "mode",
    "status",
    "reason",
    "request_id",
    "correlation_id",
    "user_id",
    "recipient",
    "template_code",
    "language",
    "priority",
    "attempts",
    "retries",
    "doubts",
    "provider",
    "provider_message_id",
    "error_code",
    "error",
    "created_at",
    "due_at",
    "expires_at",
    "sent_at",
    "finished_at",
    "dead_lettered_at",
    "discarded_at",
)
_MESSAGE_FIELDS = (
    "id",
    "arrived_at",
    "first_queue",
    "cause",
    "task",
    "content_type",
    "body_size",
    "body_digest",
)


def list_letters(selection: Selection) -> tuple[list[dict[str, Any]], int]:
    """Return the dead letters of a selection, and how many there are without its limit."""
    rows = list(selection.matching().values(*_LETTER_FIELDS))
    if len(rows) < selection.limit:
        return rows, len(rows)
    return rows, replace(selection, limit=MAX_AT_ONCE).matching().count()


def list_messages(limit: int) -> list[dict[str, Any]]:
    return list(DeadMessage.objects.values(*_MESSAGE_FIELDS)[:limit])


def inspect_letter(letter_id: UUID) -> dict[str, Any]:
    """Return all about a notification, dead letter or not, or about a kept message.

    Raises CommandError where the id is neither's.
    """
    notification = Notification.objects.filter(pk=letter_id).values(*_NOTIFICATION_FIELDS).first()
    if notification is not None:
        organization = notification.pop("organization__slug")
        timeline = read_timeline(letter_id)
        return {**notification, "organization": organization, "timeline": timeline}
    message = DeadMessage.objects.filter(pk=letter_id).values(*_MESSAGE_FIELDS, "headers").first()
    if message is None:
        raise CommandError(f"no notification and no kept message has the id {letter_id}")
    return dict(message)


def write_letters(out: OutputWrapper, rows: list[dict[str, Any]], *, total: int) -> None:
    if not rows:
        out.write("No dead letters match.\n")
        return
    headers = ("ID", "GIVEN UP AT", "CHANNEL", "TEMPLATE", "PROVIDER", "ERROR CODE", "TRIES")
    write_table(
        out,
        headers,
        [
            (
                row["id"],
                show_moment(row["finished_at"], precision="seconds"),
                row["channel"],
                row["template_code"],
                row["provider"],
                row["error_code"],
                row["attempts"],
            )
            for row in rows
        ],
    )
    out.write(
        f"{len(rows)} of {total}. One in full: {manage_command('dead_letters')} inspect ID\n"
    )


def write_messages(out: OutputWrapper, rows: list[dict[str, Any]]) -> None:
    if not rows:
        out.write("No foreign or unreadable message was kept.\n")
        return
    headers = ("ID", "ARRIVED AT", "FIRST QUEUE", "CAUSE", "TASK", "CONTENT TYPE", "BYTES")
    names = ("first_queue", "cause", "task", "content_type", "body_size")
    write_table(
        out,
        headers,
        [
            (
                row["id"],
                show_moment(row["arrived_at"], precision="seconds"),
                *(row[name] for name in names),
            )
            for row in rows
        ],
    )


def write_letter(out: OutputWrapper, letter: dict[str, Any]) -> None:
    """Write what is known line by line, then the timeline, then what can be done."""
    timeline = letter.pop("timeline", None)
    for name, value in letter.items():
        if value not in (None, ""):
            shown = show_moment(value) if isinstance(value, datetime) else printable(value)
            out.write(f"{name:>20}  {shown}\n")
    if timeline is None:
        return
    out.write("\n")
    write_timeline(out, timeline)
    if letter["status"] == "failed":
        replay = manage_command("replay_failed", "--id", str(letter["id"]))
        out.write(f"\nSend it again: {replay}\n")
