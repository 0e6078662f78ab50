"""The query string of the notification list: filters and the cursor."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from apps.notifications.models import Channel, Notification, Status
from apps.notifications.services.orders import as_utc
from apps.notifications.services.suppressing import index_for_search
from notifier.errors import InvalidRequest

MAX_FILTER_LENGTH = 4096


def read_choice(request: HttpRequest, name: str, allowed: list[str]) -> str | None:
    value = request.GET.get(name)
    if value is not None and value not in allowed:
        raise InvalidRequest.of_field(name, f"one of {', '.join(allowed)}")
    return value


def read_uuid(request: HttpRequest, name: str) -> UUID | None:
    value = request.GET.get(name)
    try:
        return UUID(value) if value is not None else None
    except ValueError as error:
        raise InvalidRequest.of_field(name, "not a UUID") from error


def read_time(request: HttpRequest, name: str) -> datetime | None:
    """Return a time of the query string (RFC 3339; a bare `+` arrives as a space)."""
    value = request.GET.get(name)
    if value is None:
        return None
    try:
        parsed = parse_datetime(value.replace(" ", "+"))
    except ValueError:
        parsed = None
    if parsed is None:
        raise InvalidRequest.of_field(name, "not an RFC 3339 time")
    return as_utc(parsed, field=name)


def read_text(request: HttpRequest, name: str) -> str | None:
    value = request.GET.get(name)
    if value is not None and ("\x00" in value or len(value) > MAX_FILTER_LENGTH):
        raise InvalidRequest.of_field(name, "not a text to search for")
    return value


def read_notification_filters(request: HttpRequest) -> Q:
    """Return the list's filters; raise InvalidRequest that names the one that is wrong."""
    wanted: dict[str, Any] = {
        "status": read_choice(request, "status", Status.values),
        "channel": read_choice(request, "notification_type", Channel.values),
        "user_id": read_uuid(request, "user_id"),
        "template_code": read_text(request, "template_code"),
        "batch_id": read_uuid(request, "batch_id"),
        "recipient_index": read_recipient(request),
        "created_at__gte": read_time(request, "created_after"),
        "created_at__lt": read_time(request, "created_before"),
    }
    return Q(**{name: value for name, value in wanted.items() if value is not None})


def read_recipient(request: HttpRequest) -> str | None:
    """Return the index by which an address or token of the query string is found."""
    recipient = read_text(request, "recipient")
    return index_for_search(recipient) if recipient is not None else None


def encode_cursor(last: Notification) -> str:
    """Return an opaque mark of where a page ended."""
    mark = f"{last.created_at.astimezone(UTC).isoformat()}|{last.pk}"
    return urlsafe_b64encode(mark.encode()).decode()


def decode_cursor(cursor: str) -> Q:
    """Return the condition for what comes after a cursor; raise InvalidRequest for a wrong one."""
    try:
        at, _, pk = urlsafe_b64decode(cursor.encode()).decode().partition("|")
        created_at, last_id = as_utc(datetime.fromisoformat(at), field="cursor"), UUID(pk)
    except (Base64Error, ValueError) as error:
        raise InvalidRequest.of_field("cursor", "not a cursor of this list") from error
    return Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=last_id)
