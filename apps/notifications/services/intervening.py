"""What a person may do to a notification: cancel it, replay it, discard it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.notifications.models import Notification, Status
from apps.notifications.models.interventions import (
    cancel_pending,
    discard_failed,
    replay_failed,
)
from apps.notifications.models.notification import NotificationQuerySet
from apps.notifications.services.statistics import forget_hours
from apps.notifications.services.suppressing import index_for_search
from notifier.audit import record_change_of_each
from notifier.errors import Conflict, InvalidRequest

MAX_SELECTED = 10_000
# Replays per second: ten thousand of them end within two weeks, or at once.
SLOWEST_REPLAY, FASTEST_REPLAY = 0.01, 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which dead letters are meant: by ids, or by what they have in common."""

    organization_id: UUID | None = None
    mode: str | None = None
    ids: Sequence[UUID] | None = None
    notification_type: str | None = None
    error_code: str | None = None
    provider: str | None = None
    template_code: str | None = None
    recipient: str | None = None
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
        if self.mode is not None:
            rows = rows.filter(mode=self.mode)
        given = {name: value for name, value in self._conditions().items() if value is not None}
        return rows.filter(**given).order_by("finished_at", "id")[: self.limit]

    def _conditions(self) -> dict[str, object]:
        return {
            "pk__in": self.ids,
            "channel": self.notification_type,
            "error_code": self.error_code,
            "provider": self.provider,
            "template_code": self.template_code,
            "recipient_index": index_for_search(self.recipient) if self.recipient else None,
            "finished_at__gte": self.failed_after,
            "finished_at__lt": self.failed_before,
        }


def cancel_notification(*, notification: Notification) -> None:
    """Cancel what is still pending; raise Conflict from any other state."""
    with transaction.atomic():
        if not cancel_pending(notification.pk):
            raise Conflict("only a pending notification can be cancelled")
        _record([notification.pk], "cancelled")


def replay_notification(*, notification: Notification) -> None:
    """Send a failed notification again; raise Conflict from any other state."""
    if _is_emptied(notification, timezone.now()):
        raise Conflict("its content has been deleted (CONTENT_RETENTION_DAYS)")
    with transaction.atomic():
        if notification.status != Status.FAILED or not replay_failed(
            [notification.pk], discarded_too=True
        ):
            raise Conflict("only a failed notification can be replayed")
        _record([notification.pk], "replayed")
        forget_hours(ids=[notification.pk])


def _is_emptied(notification: Notification, now: datetime) -> bool:
    """Has retention taken what it was to say? Only a discarded letter comes to that."""
    days, finished_at = settings.CONTENT_RETENTION_DAYS, notification.finished_at
    if not days or finished_at is None or notification.discarded_at is None:
        return False
    if finished_at >= now - timedelta(days=days):
        return False
    return not (notification.content or notification.variables or notification.metadata)


def replay_dead_letters(*, ids: Sequence[UUID], per_second: float | None = None) -> list[UUID]:
    """Send given-up notifications again; return those that were still given up.

    With `per_second` they become due one after the other, in the order of `ids`: the waits are
    rows, so that no process has to stay for them.
    """
    with transaction.atomic():
        replayed = replay_failed(ids, per_second=per_second)
        _record(replayed, "replayed")
        forget_hours(ids=replayed)
    return replayed


def discard_dead_letters(*, ids: Sequence[UUID], explanation: str) -> list[UUID]:
    """Take given-up notifications out of the dead letters; return those that were in them."""
    with transaction.atomic():
        discarded = discard_failed(ids, explanation=explanation)
        _record(discarded, "discarded")
    return discarded


def _record(ids: Sequence[UUID], verb: str) -> None:
    owners = Notification.objects.filter(pk__in=ids).values_list("pk", "organization_id")
    record_change_of_each(
        action=f"notification.{verb}", object_type="notification", objects=owners
    )
