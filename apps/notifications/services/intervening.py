"""What a person may do to a notification: cancel it, replay it, discard it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.notifications.models import Notification, Status
from apps.notifications.models.interventions import (
    cancel_pending,
    discard_failed,
    replay_failed,
)
from apps.notifications.models.notification import NotificationQuerySet
from notifier.errors import Conflict, InvalidRequest

MAX_SELECTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which dead letters are meant: by ids, or by what they have in common."""

    organization_id: UUID | None = None
    ids: Sequence[UUID] | None = None
    notification_type: str | None = None
    error_code: str | None = None
    provider: str | None = None
    template_code: str | None = None
    failed_after: datetime | None = None
    failed_before: datetime | None = None
    limit: int = MAX_SELECTED

    def require_condition(self) -> None:
        """Raise InvalidRequest when nothing narrows the selection: all is never meant."""
        if not any(self._conditions().values()):
            raise InvalidRequest("give ids or at least one condition")

    def matching(self) -> NotificationQuerySet:
        """Return the dead letters that match, oldest first, at most `limit`."""
        rows = Notification.objects.dead_letters()
        if self.organization_id is not None:
            rows = rows.in_organization(self.organization_id)
        given = {name: value for name, value in self._conditions().items() if value is not None}
        return rows.filter(**given).order_by("finished_at", "id")[: self.limit]

    def _conditions(self) -> dict[str, object]:
        return {
            "pk__in": self.ids,
            "channel": self.notification_type,
            "error_code": self.error_code,
            "provider": self.provider,
            "template_code": self.template_code,
            "finished_at__gte": self.failed_after,
            "finished_at__lt": self.failed_before,
        }


def cancel_notification(*, notification: Notification) -> None:
    """Cancel what is still pending; raise Conflict from any other state."""
    if not cancel_pending(notification.pk):
        raise Conflict("only a pending notification can be cancelled")


def replay_notification(*, notification: Notification) -> None:
    """Send a failed notification again; raise Conflict from any other state."""
    if notification.status != Status.FAILED or not replay_failed(
        [notification.pk], discarded_too=True
    ):
        raise Conflict("only a failed notification can be replayed")


def replay_dead_letters(*, ids: Sequence[UUID]) -> list[UUID]:
    """Send given-up notifications again; return those that were still given up."""
    return replay_failed(ids)


def discard_dead_letters(*, ids: Sequence[UUID], explanation: str) -> list[UUID]:
    """Take given-up notifications out of the dead letters; return those that were in them."""
    return discard_failed(ids, explanation=explanation)
