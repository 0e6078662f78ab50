"""Notifications asked for through the API, and moved on by the product's own transitions."""

from typing import Any
from uuid import UUID

from apps.notifications.models import Notification
from apps.notifications.models.transitions import Outcome, claim, record_outcomes, take_due
from tests.integration.api.calling import Answer, Caller

CONTENT = {"subject": "Your order", "text": "It is on its way."}
PUSH_CONTENT = {"title": "Your order", "body": "It is on its way."}


def mail(**changes: Any) -> dict[str, Any]:
    """Return the body of a mail to an address that is nobody's."""
    body = {"notification_type": "email", "to": {"email": "ada@example.org"}, "content": CONTENT}
    return body | changes


def push(**changes: Any) -> dict[str, Any]:
    to = {"push_token": "token-of-a-phone", "platform": "ios"}
    return {"notification_type": "push", "to": to, "content": PUSH_CONTENT} | changes


def to_user(user_id: UUID, **changes: Any) -> dict[str, Any]:
    """Return the body of a mail to a user."""
    body = {"notification_type": "email", "user_id": str(user_id), "content": CONTENT}
    return body | changes


def accept(caller: Caller, body: dict[str, Any] | None = None) -> UUID:
    """Have a notification accepted and return its id."""
    answer: Answer = caller.post("/notifications", mail() if body is None else body)
    assert answer.status == 202, answer.body
    return UUID(answer.data["notification_id"])


def begin(notification_id: UUID) -> int:
    """Take and claim a notification that is due, and return its fence."""
    row = Notification.objects.get(pk=notification_id)
    take_due(channel=row.channel, limit=1000)
    return claim([notification_id], lease_seconds=60).fences[notification_id]


def finish(notification_id: UUID, status: str = "sent", **fields: Any) -> UUID:
    """Take, claim and record a notification with an outcome; return its id."""
    fence = begin(notification_id)
    outcome = {"status": status, "detail": {}, "provider": "capture"} | fields
    assert record_outcomes([Outcome(id=notification_id, fence=fence, **outcome)])
    return notification_id


def status_of(notification_id: UUID) -> str:
    return Notification.objects.get(pk=notification_id).status
