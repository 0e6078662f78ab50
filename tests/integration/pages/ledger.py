"""Notifications brought to a state the way the product does it: accept, take, claim, record."""

from typing import Any

from apps.notifications.models import Notification
from apps.notifications.models.transitions import Outcome, claim, record_outcomes, take_due
from apps.notifications.services.accepting import accept_notification
from apps.notifications.services.orders import Address, NotificationOrder
from notifier.authentication import Principal
from notifier.models import Organization

CONTENT = {"subject": "Hello", "text": "Hello, Ada"}


def accept_mail(organization: Organization, **fields: Any) -> Notification:
    principal = Principal(organization_id=organization.pk, scopes=frozenset({"send"}))
    order = NotificationOrder(
        notification_type="email",
        to=Address(email=fields.pop("email", "ada@example.org")),
        content=CONTENT,
        **fields,
    )
    accepted = accept_notification(order=order, principal=principal)
    return Notification.objects.get(pk=accepted.notification_id)


def settle_mail(notification: Notification, *, status: str, **fields: Any) -> Notification:
    """Take, claim and record one notification that is due."""
    take_due(channel=notification.channel, limit=1000)
    fence = claim([notification.pk], lease_seconds=60).fences[notification.pk]
    outcome = Outcome(id=notification.pk, fence=fence, status=status, **{"detail": {}, **fields})
    record_outcomes([outcome])
    notification.refresh_from_db()
    return notification
