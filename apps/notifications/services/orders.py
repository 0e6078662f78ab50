"""What a client asks for: the bodies of the notification routes, and their fingerprint."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from notifier.api.bodies import Body
from notifier.encryption_lasting import blind_index
from notifier.errors import InvalidRequest

ChannelName = Literal["email", "push"]
RequestId = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes asking twice safe; unique in the organization",
        examples=["order-1812-receipt"],
    ),
]
TemplateCode = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$", examples=["welcome"])
]
Language = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)
]
Priority = Annotated[
    int, msgspec.Meta(ge=1, le=10, description="1 (bulk) to 10 (urgent): higher goes first")
]
Variables = Annotated[
    dict[str, Any], msgspec.Meta(description="Values for the template's `{{variables}}`")
]
MAX_RECIPIENTS = 10_000
_BODIES = msgspec.json.Encoder(order="sorted")


class Address(Body, kw_only=True):
    """A recipient that is not a user: one e-mail address, or one device."""

    email: Annotated[str, msgspec.Meta(max_length=254)] | None = None
    push_token: Annotated[str, msgspec.Meta(min_length=8, max_length=4096)] | None = None
    platform: Literal["ios", "android", "web"] | None = None


class ChannelOrder(Body, kw_only=True):
    """A notification whose type is in the path."""

    user_id: UUID | None = None
    to: Address | None = None
    template_code: TemplateCode | None = None
    variables: Variables = {}
    content: dict[str, Any] | None = None
    request_id: RequestId | None = None
    priority: Priority = 5
    metadata: dict[str, Any] = {}
    language: Language | None = None
    scheduled_at: datetime | None = None
    expires_at: datetime | None = None


class NotificationOrder(ChannelOrder, kw_only=True):
    """A notification to send."""

    notification_type: ChannelName


class BulkRecipient(Body, kw_only=True):
    """One row of a bulk request."""

    user_id: UUID | None = None
    to: Address | None = None
    variables: Variables = {}
    request_id: RequestId | None = None
    language: Language | None = None


class _BulkMessage(Body, kw_only=True):
    notification_type: ChannelName
    template_code: TemplateCode
    priority: Priority = 5
    request_id: RequestId | None = None


class BulkOrder(_BulkMessage, kw_only=True):
    """One message for many recipients, each with its own variables."""

    recipients: Annotated[
        list[BulkRecipient], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)
    ]


class UnreadBulkOrder(_BulkMessage, kw_only=True):
    """A `BulkOrder` whose rows are read one by one, so that a bad one fails no other."""

    recipients: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]


def order_for_channel(order: ChannelOrder, channel: ChannelName) -> NotificationOrder:
    """Return the same order with the type that its path says."""
    return NotificationOrder(notification_type=channel, **_fields(order))


def order_of_recipient(bulk: UnreadBulkOrder, recipient: BulkRecipient) -> NotificationOrder:
    """Return what a single post for this row's recipient would have asked for."""
    return NotificationOrder(
        notification_type=bulk.notification_type,
        template_code=bulk.template_code,
        priority=bulk.priority,
        **_fields(recipient),
    )


def fingerprint(order: NotificationOrder | UnreadBulkOrder, *, mode: str) -> str:
    """Return what two orders share when they ask for the same (of the canonical body).

    The `request_id` is left out, so that the header and the field mean the same.
    """
    canonical = _BODIES.encode(msgspec.structs.replace(order, request_id=None))
    # Keyed: an address is short enough to be guessed from a plain digest.
    return blind_index(hashlib.sha256(mode.encode() + canonical).hexdigest())


def as_utc(value: datetime | None, *, field: str) -> datetime | None:
    """Return a time in UTC; raise InvalidRequest without an offset or out of range."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise InvalidRequest.of_field(field, "a time needs an offset, for example a trailing Z")
    if not 1970 < value.year < 9000:  # what every clock and database can hold
        raise InvalidRequest.of_field(field, "out of range")
    return value.astimezone(UTC)


def _fields(body: Body) -> dict[str, Any]:
    return {name: getattr(body, name) for name in body.__struct_fields__}
