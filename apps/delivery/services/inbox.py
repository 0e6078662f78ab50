"""The inbox: what was captured instead of sent, newest first, and clearing it."""

from datetime import timedelta
from email import message_from_bytes, policy
from uuid import UUID

from django.db.models import QuerySet

from apps.delivery.models import CapturedMessage
from apps.delivery.providers.contract import EmailMessage, PushMessage
from apps.delivery.providers.mime import build_mime
from apps.notifications.models import Notification

PAGE_SIZE = 50
# Ids are made before their rows are committed, by several processes: a row that comes a little
# late is still shown. The page leaves out what it has.
OVERLAP = timedelta(seconds=5)
_MILLISECOND_BITS = 80  # a UUIDv7 starts with its 48 bits of milliseconds, RFC 9562 section 5.7


def find_captured(*, organization_id: UUID | None) -> QuerySet[CapturedMessage]:
    """Return what was captured for one organization, newest first, or for all (None)."""
    rows = CapturedMessage.objects.order_by("-id")
    if organization_id is None:
        return rows
    theirs = Notification.objects.in_organization(organization_id).values("pk")
    return rows.filter(notification_id__in=theirs)


def list_captured(
    rows: QuerySet[CapturedMessage], *, before: UUID | None = None
) -> tuple[list[CapturedMessage], bool]:
    """Return a page of captured messages (those before an id), and whether there are older."""
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows[: PAGE_SIZE + 1])
    return found[:PAGE_SIZE], len(found) > PAGE_SIZE


def list_arrived(rows: QuerySet[CapturedMessage], *, after: UUID | None) -> list[CapturedMessage]:
    """Return what has arrived since an id, newest first, with some that came just before it."""
    if after is not None:
        rows = rows.filter(id__gte=_earlier(after))
    return list(rows[:PAGE_SIZE])


def clear_captured() -> int:
    """Delete every captured message; return how many there were."""
    deleted, _ = CapturedMessage.objects.all().delete()
    return deleted


def restore_email(captured: CapturedMessage) -> EmailMessage:
    return EmailMessage(**captured.message)


def restore_push(captured: CapturedMessage) -> PushMessage:
    return PushMessage(**captured.message)


def write_source(captured: CapturedMessage) -> str:
    """Return the mail as an SMTP server would get it; raise ProviderError if none would."""
    moment = captured.captured_at.timestamp()
    raw = build_mime(restore_email(captured), now=moment, eight_bit=True)
    return raw.decode("utf-8", "replace").replace("\r\n", "\n")


def read_headers(source: str) -> list[tuple[str, str]]:
    """Return the headers of a mail's source, decoded, in their order."""
    parsed = message_from_bytes(source.encode(), policy=policy.default)
    return [(name, str(value)) for name, value in parsed.items()]


def _earlier(id_: UUID) -> UUID:
    milliseconds = id_.int >> _MILLISECOND_BITS
    start = max(0, milliseconds - int(OVERLAP.total_seconds() * 1000))
    return UUID(int=start << _MILLISECOND_BITS)
