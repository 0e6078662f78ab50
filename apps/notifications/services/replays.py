"""How far a bulk replay is: read from the audit log, which knows what one request replayed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count

from apps.notifications.models import FINAL_STATUSES, Notification, Status
from notifier.models import AuditEntry

# The slowest replay of the most letters is over by then: see `intervening.SLOWEST_REPLAY`.
FOLLOWED = timedelta(days=14)
_CHUNK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayProgress:
    """What became of the notifications that one request replayed."""

    total: int
    finished: int
    succeeded: int
    failed: int
    by_status: dict[str, int]
    last_due_at: datetime | None

    @property
    def percent(self) -> int:
        return self.finished * 100 // self.total if self.total else 0


def follow_replay(
    *, correlation_id: str, actor_id: UUID, organization_id: UUID | None, now: datetime
) -> ReplayProgress:
    """Return how far the replays of one request of one person are; `total` 0 for an unknown one.

    With an organization only its notifications count.
    """
    entries = AuditEntry.objects.filter(
        actor_id=str(actor_id),
        action="notification.replayed",
        correlation_id=correlation_id,
        at__gte=now - FOLLOWED,
    )
    if organization_id is not None:
        entries = entries.in_organization(organization_id)
    ids = [UUID(each) for each in entries.values_list("object_id", flat=True)]
    by_status: dict[str, int] = {}
    last_due_at: datetime | None = None
    for begin in range(0, len(ids), _CHUNK):
        rows = Notification.objects.filter(pk__in=ids[begin : begin + _CHUNK]).order_by()
        for status, count in rows.values_list("status").annotate(count=Count("id")):
            by_status[status] = by_status.get(status, 0) + count
        due = rows.filter(status=Status.PENDING).order_by("-due_at")
        newest = due.values_list("due_at", flat=True).first()
        last_due_at = max(filter(None, (last_due_at, newest)), default=None)
    return _summarize(by_status, last_due_at)


def _summarize(by_status: dict[str, int], last_due_at: datetime | None) -> ReplayProgress:
    return ReplayProgress(
        total=sum(by_status.values()),
        finished=sum(count for status, count in by_status.items() if status in FINAL_STATUSES),
        succeeded=by_status.get(Status.SENT, 0) + by_status.get(Status.DELIVERED, 0),
        failed=by_status.get(Status.FAILED, 0) + by_status.get(Status.BOUNCED, 0),
        by_status=dict(sorted(by_status.items())),
        last_due_at=last_due_at,
    )
