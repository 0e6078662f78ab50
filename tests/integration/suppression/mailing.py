"""Notifications asked for by a program, and delivered as a worker does."""

from typing import Any
from uuid import UUID

from apps.delivery.models import CapturedMessage
from apps.delivery.services.delivering import deliver_notifications
from apps.notifications.models import Notification, Suppression
from apps.notifications.models.transitions import take_due
from apps.notifications.services.suppressing import add_suppression, fold_address
from notifier.models import Organization
from tests.integration.api.calling import Caller

TOKEN = "token-of-a-phone"  # noqa: S105  # a device's, which is no secret


def suppress(
    organization: Organization, address: str, cause: str = "manual", *, channel: str = "email"
) -> Suppression:
    entry, _ = add_suppression(
        organization_id=organization.pk,
        channel=channel,
        address=fold_address(address, channel=channel),
        cause=cause,
        source="test",
    )
    return entry


def write(
    caller: Caller, template: str, address: str = "ada@example.org", **fields: Any
) -> Notification:
    """Ask for a mail with a template; return its row."""
    body: dict[str, Any] = {"notification_type": "email", "template_code": template, **fields}
    if "user_id" not in body:
        body["to"] = {"email": address}
    answer = caller.post("/notifications", body)
    assert answer.status == 202, answer.body
    return Notification.objects.get(pk=answer.data["notification_id"])


def push(caller: Caller, **fields: Any) -> Notification:
    body: dict[str, Any] = {"notification_type": "push", "template_code": "offer", **fields}
    if "user_id" not in body:
        body["to"] = {"push_token": TOKEN, "platform": "ios"}
    answer = caller.post("/notifications", body)
    assert answer.status == 202, answer.body
    return Notification.objects.get(pk=answer.data["notification_id"])


def deliver(*rows: Notification) -> list[tuple[str, str]]:
    """Take and deliver what is due; return status and reason of each."""
    for channel in {row.channel for row in rows}:
        take_due(channel=channel, limit=1000)
    deliver_notifications(ids=[row.pk for row in rows])
    for row in rows:
        row.refresh_from_db()
    return [(row.status, row.reason) for row in rows]


def headers_of(notification_id: UUID) -> dict[str, str]:
    """Return the headers of the mail that was captured for a notification."""
    captured = CapturedMessage.objects.get(notification_id=notification_id)
    return dict(captured.message["headers"])
