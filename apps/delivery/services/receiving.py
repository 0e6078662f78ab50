"""Receipts of providers: from a service's report to the notification that it is about."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from apps.delivery.providers.webhooks import ProviderEvent
from apps.notifications.models import Notification
from apps.notifications.services.receipts import ReportedEvent, store_receipts


def receive_events(*, provider: str, events: Sequence[ProviderEvent]) -> int:
    """Store what a provider reported, and have it applied; return how many could be ours.

    A service that does not hand back our metadata names its own message id. Storing the same
    report twice changes nothing.
    """
    by_message = _find_by_message(provider, events)
    reported = [
        _describe_event(event, provider, notification_id)
        for event in events
        if (notification_id := _read_uuid(event) or by_message.get(event.message_id))
    ]
    if reported:
        store_receipts(events=reported)
    return len(reported)


def _find_by_message(provider: str, events: Sequence[ProviderEvent]) -> Mapping[str, UUID]:
    ids = {event.message_id for event in events if event.message_id and not _read_uuid(event)}
    if not ids:
        return {}
    rows = Notification.objects.filter(provider=provider, provider_message_id__in=ids)
    return dict(rows.values_list("provider_message_id", "pk"))


def _describe_event(event: ProviderEvent, provider: str, notification_id: UUID) -> ReportedEvent:
    return ReportedEvent(
        notification_id=notification_id,
        source=provider,
        event_id=event.event_id,
        kind=event.kind,
        occurred_at=event.occurred_at,
        error_code=event.error_code,
        error=event.error,
    )


def _read_uuid(event: ProviderEvent) -> UUID | None:
    try:
        return UUID(event.notification_id)
    except ValueError:
        return None
