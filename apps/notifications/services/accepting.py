"""Accept: the use case behind every POST of one notification.

What is stored is promised: one statement inserts the row and its first event, and the unique
constraint on `request_id` alone decides which of many equal requests is the first.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.notifications.models import Notification, NotificationEvent
from apps.notifications.models.transitions import insert_accepted
from apps.notifications.services.orders import NotificationOrder, fingerprint
from apps.notifications.services.preparing import (
    Preparation,
    Row,
    prepare_row,
    require_right,
    skip_suppressed,
)
from apps.notifications.services.recipient_limits import find_overwritten
from notifier.authentication import Principal
from notifier.errors import IdempotencyMismatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What an accept answers; `replayed` when the same request had been accepted before."""

    notification_id: UUID
    request_id: str | None
    notification_type: str
    status: str
    reason: str
    created_at: datetime
    replayed: bool = False


def accept_notification(
    *, order: NotificationOrder, principal: Principal, is_trial: bool = False
) -> Accepted:
    """Store one notification; it will reach exactly one final state.

    The same `request_id` with the same order returns the first answer again; with another order
    it raises IdempotencyMismatch. Raises RateLimited where the recipient was written to too often;
    for the other errors see `prepare_row`. A trial's content may hold all that a version may.
    """
    require_right(order, principal)  # before a replay could tell what was accepted
    earlier = find_earlier([order.request_id], principal)
    if order.request_id in earlier:
        return _replay(earlier[order.request_id], order, principal)
    preparation = Preparation(principal=principal, is_trial=is_trial)
    users = {order.user_id} if order.user_id else set()
    preparation.load_users(users, channel=order.notification_type)
    row = prepare_row(order, preparation)
    skip_suppressed([row], preparation)
    for one_too_many in find_overwritten([row], principal).values():
        raise one_too_many
    stored = insert_accepted([row])
    if row["id"] in stored:
        return describe_accepted(row, stored[row["id"]])
    # Another request with this id was faster between the look-up and the insert.
    return _replay(find_earlier([order.request_id], principal)[order.request_id], order, principal)


def find_earlier(
    request_ids: list[str | None], principal: Principal
) -> dict[str | None, Notification]:
    """Return the notifications that these request ids already stand for."""
    wanted = [each for each in request_ids if each is not None]
    if not wanted:
        return {}
    rows = Notification.objects.in_organization(principal.organization_id).filter(
        request_id__in=wanted
    )
    return {row.request_id: row for row in rows.without_private()}


def require_same(earlier: Notification, order: NotificationOrder, principal: Principal) -> None:
    """Raise IdempotencyMismatch unless the order asks for what was accepted."""
    if earlier.request_digest != fingerprint(order, mode=principal.mode):
        raise IdempotencyMismatch("this request_id was used for another notification")


def _replay(earlier: Notification, order: NotificationOrder, principal: Principal) -> Accepted:
    require_same(earlier, order, principal)
    first = NotificationEvent.objects.filter(notification=earlier).order_by("id").first()
    return Accepted(
        notification_id=earlier.pk,
        request_id=earlier.request_id,
        notification_type=earlier.channel,
        status=first.status if first else earlier.status,
        reason=first.reason if first else earlier.reason,
        created_at=earlier.created_at,
        replayed=True,
    )


def describe_accepted(row: Row, created_at: datetime) -> Accepted:
    """Return what is answered for a row that was just stored."""
    return Accepted(
        notification_id=row["id"],
        request_id=row["request_id"],
        notification_type=row["channel"],
        status=row["status"],
        reason=row["reason"],
        created_at=created_at,
    )
