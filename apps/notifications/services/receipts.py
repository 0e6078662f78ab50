"""Receipts: stored before they are acknowledged, applied later by the status worker."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from apps.notifications.models import Notification, Receipt
from apps.notifications.models.reports import apply_receipts
from apps.notifications.services.statistics import forget_hours
from apps.notifications.services.status import refresh_statuses
from notifier.addresses import mask_addresses
from notifier.authentication import Principal
from notifier.errors import NotFound
from notifier.tracing import is_tracing, link_traces, trace_receipt
from notifier.wakeup import wake_relay

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedEvent:
    """One thing that a provider or an external worker reports about a notification.

    `kind` is delivered, bounced, failed, pending, opened, clicked, complained or unsubscribed;
    `event_id` is unique at the source, so that a report that comes twice counts once.
    """

    notification_id: UUID
    source: str
    event_id: str
    kind: str
    occurred_at: datetime | None = None
    error_code: str = ""
    error: str = ""


def store_receipts(*, events: Sequence[ReportedEvent]) -> None:
    """Store what is new among the reports and have it applied.

    Reports about notifications that do not exist are left out: they are somebody else's.
    """
    known = _find_named(events)
    rows = [
        Receipt(
            notification_id=event.notification_id,
            source=event.source,
            event_id=event.event_id,
            kind=event.kind,
            error_code=event.error_code,
            error=mask_addresses(event.error),  # providers quote whom they could not reach
            occurred_at=event.occurred_at,
        )
        for event in events
        if event.notification_id in known
    ]
    Receipt.objects.bulk_create(rows, ignore_conflicts=True)
    wake_relay()
    link_traces(row.traceparent for row in known.values())
    for row in rows:
        correlation_id = known[row.notification_id].correlation_id
        log.debug("receipt_stored", correlation_id=correlation_id, kind=row.kind)


def _find_named(events: Sequence[ReportedEvent]) -> dict[UUID, Notification]:
    rows = Notification.objects.only("correlation_id", "traceparent")
    return rows.in_bulk({event.notification_id for event in events})


def find_reported(*, reference: str, principal: Principal) -> Notification:
    """Return the notification that a callback names by id or by `request_id`; NotFound."""
    mine = Notification.objects.in_organization(principal.organization_id)
    try:
        found = mine.filter(pk=UUID(reference)).first()
    except ValueError:
        found = None
    found = found or mine.filter(request_id=reference).first()
    if found is None:
        raise NotFound("no such notification")
    return found


def apply_stored_receipts(*, ids: Sequence[int]) -> None:
    """Apply receipts to their rows, the suppression list and the statistics; repeating is safe."""
    applied = apply_receipts(ids)
    refresh_statuses(ids=applied)
    _trace_receipts(ids, applied)
    # All that are named: a worker that died in between may have applied them already.
    named = Receipt.objects.filter(pk__in=ids).values_list("notification_id", flat=True)
    forget_hours(ids=list(named))


def _trace_receipts(ids: Sequence[int], applied: Collection[UUID]) -> None:
    if is_tracing():
        rows = Receipt.objects.filter(pk__in=ids, notification__in=applied)
        traced = rows.only("kind", "notification__traceparent").select_related("notification")
        for receipt in traced:
            trace_receipt(receipt.notification, kind=receipt.kind)
