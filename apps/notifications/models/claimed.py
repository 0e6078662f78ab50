"""A claimed notification as a worker needs it: plain values, loaded for a whole part at once.

By hand, because Django takes longer to make the queries and models of a part than the provider
takes to accept it.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from apps.notifications.models.change import TABLE, as_datetime, run_often
from apps.notifications.models.notification import Notification
from apps.notifications.models.suppression import Scope, Suppression
from apps.templates.models import Template, TemplateKind, TemplateVersion
from apps.users.models import Device, User
from notifier.encrypted_fields import sealed_columns
from notifier.sql import as_uuid, encode_ids, with_ids_sql

_SEALED = sealed_columns(Notification)
_EMAIL = sealed_columns(User)["email"]
_TOKEN = sealed_columns(Device)["token"]


@dataclass(frozen=True, slots=True)
class ClaimedUser:
    """The user behind a notification, as it is now; the address is sealed."""

    is_active: bool
    email_enabled: bool
    push_enabled: bool
    sealed_email: str

    def wants(self, channel: str) -> bool:
        """Has this person left the channel switched on?"""
        return self.email_enabled if channel == "email" else self.push_enabled


@dataclass(frozen=True, slots=True)
class ClaimedDevice:
    """A device of the user; `is_suppressed`: this notification must not go there."""

    id: UUID
    platform: str
    sealed_token: str
    is_suppressed: bool

    @property
    def token(self) -> str:
        return cast("str", _TOKEN.from_db_value(self.sealed_token))


@dataclass(slots=True, kw_only=True)
class ClaimedNotification:
    """What sealed columns hold is opened when it is asked for: each raises Undecryptable.

    `is_suppressed` is about its one address; a user's devices know it for themselves.
    """

    id: UUID
    organization_id: UUID
    channel: Literal["email", "push"]
    mode: str
    priority: int
    correlation_id: str
    traceparent: str
    platform: str
    template_version_id: UUID | None
    template_code: str
    is_marketing: bool
    delivery_guarantee: str
    attempts: int
    retries: int
    fence: int
    reached_devices: Sequence[str]
    expires_at: datetime | None
    is_suppressed: bool
    user: ClaimedUser | None
    sealed_recipient: str
    sealed_content: str | None
    sealed_variables: str
    devices: Sequence[ClaimedDevice] = field(default=())

    @property
    def address(self) -> str:
        """Where it goes: the user's present address, else what the request said."""
        if self.user is not None:
            return cast("str", _EMAIL.from_db_value(self.user.sealed_email))
        return cast("str", _SEALED["recipient"].from_db_value(self.sealed_recipient))

    @property
    def content(self) -> Mapping[str, Any]:
        """What it says where it has no template."""
        opened = _SEALED["content"].from_db_value(self.sealed_content)
        return cast("Mapping[str, Any]", opened or {})

    @property
    def variables(self) -> dict[str, Any]:
        return cast("dict[str, Any]", _SEALED["variables"].from_db_value(self.sealed_variables))


def load_claimed(fences: Mapping[UUID, int]) -> list[ClaimedNotification]:
    """Return the rows of these claims, the most urgent first, with one statement.

    Two where pushes go to users, for their devices. Users' wishes and the suppression list are
    read as they are now. The fence is the claim's, whatever the row says by now: it alone proves
    that we hold it.
    """
    rows = run_often(_claimed_sql(), [encode_ids(list(fences))])
    loaded = [_read_row(row, fences) for row in rows]
    of_users = [each.id for each in loaded if each.channel == "push" and each.user]
    if of_users:
        devices = _load_devices(of_users)
        for each in loaded:
            each.devices = devices[each.id]
    return loaded


def _load_devices(ids: Sequence[UUID]) -> defaultdict[UUID, list[ClaimedDevice]]:
    found: defaultdict[UUID, list[ClaimedDevice]] = defaultdict(list)
    rows = run_often(_devices_sql(), [encode_ids(ids)])
    for owner, device, platform, token, is_suppressed in rows:
        found[as_uuid(owner)].append(
            ClaimedDevice(as_uuid(device), platform, token, bool(is_suppressed))
        )
    return found


def _read_row(row: tuple[Any, ...], fences: Mapping[UUID, int]) -> ClaimedNotification:
    id_, organization, version, expires_at, reached, kind, *user = row[:11]
    notification_id = as_uuid(id_)
    return ClaimedNotification(
        id=notification_id,
        organization_id=as_uuid(organization),
        template_version_id=as_uuid(version) if version else None,
        expires_at=as_datetime(expires_at) if expires_at else None,
        reached_devices=json.loads(reached),
        is_marketing=kind == TemplateKind.MARKETING,
        user=_read_user(*user) if user[0] else None,
        is_suppressed=bool(row[11]),
        fence=fences[notification_id],
        **dict(zip(_PLAIN_COLUMNS.values(), row[12:], strict=True)),
    )


def _read_user(_id: Any, is_active: Any, email: Any, push: Any, address: str) -> ClaimedUser:
    """SQLite has numbers where PostgreSQL has booleans."""
    return ClaimedUser(bool(is_active), bool(email), bool(push), address)


_PLAIN_COLUMNS = {
    "channel": "channel",
    "mode": "mode",
    "priority": "priority",
    "correlation_id": "correlation_id",
    "traceparent": "traceparent",
    "platform": "platform",
    "template_code": "template_code",
    "delivery_guarantee": "delivery_guarantee",
    "attempts": "attempts",
    "retries": "retries",
    "recipient": "sealed_recipient",
    "content": "sealed_content",
    "variables": "sealed_variables",
}
_USERS = User._meta.db_table  # noqa: SLF001  # documented, for all its underscore
_DEVICES = Device._meta.db_table  # noqa: SLF001
_TEMPLATES = Template._meta.db_table  # noqa: SLF001
_VERSIONS = TemplateVersion._meta.db_table  # noqa: SLF001
_SUPPRESSIONS = Suppression._meta.db_table  # noqa: SLF001


def _claimed_sql() -> str:
    plain = ", ".join(f"n.{name}" for name in _PLAIN_COLUMNS)
    index = "CASE WHEN u.id IS NULL THEN n.recipient_index ELSE u.email_key END"
    return (
        "SELECT n.id, n.organization_id, n.template_version_id, n.expires_at, n.reached_devices,"
        " t.kind, u.id, u.is_active, u.email_enabled, u.push_enabled, u.email,"
        f" {_suppressed_sql(index)}, {plain} FROM {TABLE} AS n"
        f" LEFT JOIN {_USERS} AS u ON u.id = n.user_id {_JOIN_TEMPLATE}"
        f" WHERE {with_ids_sql('n.id')} ORDER BY n.priority DESC, n.due_at, n.id"
    )


def _devices_sql() -> str:
    return (
        f"SELECT n.id, d.id, d.platform, d.token, {_suppressed_sql('d.token_digest')}"
        f" FROM {TABLE} AS n JOIN {_DEVICES} AS d ON d.user_id = n.user_id {_JOIN_TEMPLATE}"
        f" WHERE {with_ids_sql('n.id')} ORDER BY d.id DESC"
    )


_JOIN_TEMPLATE = (
    f"LEFT JOIN {_VERSIONS} AS v ON v.id = n.template_version_id"
    f" LEFT JOIN {_TEMPLATES} AS t ON t.id = v.template_id"
)


def _suppressed_sql(index: str) -> str:
    """SQL for: is what has this index suppressed for the notification `n` of the template `t`?"""
    return (
        f"EXISTS (SELECT 1 FROM {_SUPPRESSIONS} AS s WHERE s.organization_id = n.organization_id"
        f" AND s.channel = n.channel AND s.address_index = {index} AND (s.scope = '{Scope.ALL}'"
        f" OR (s.scope = '{Scope.MARKETING}' AND t.kind = '{TemplateKind.MARKETING}')))"
    )
