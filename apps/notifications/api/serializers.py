"""The answers of the notification routes, and the bodies that are not orders."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from apps.notifications.models import Batch, Notification, NotificationEvent
from apps.notifications.services.accepting import Accepted
from notifier.api.bodies import Body


class AcceptedNotification(msgspec.Struct, kw_only=True):
    """What a 202 promises."""

    notification_id: UUID
    request_id: str | None
    notification_type: str
    status: str
    reason: str | None
    created_at: datetime


class NotificationAnswer(msgspec.Struct, kw_only=True):
    """A notification as its organization sees it."""

    id: UUID
    request_id: str | None
    notification_type: str
    status: str
    reason: str | None
    user_id: UUID | None
    recipient: str | None
    template_code: str | None
    template_version: int | None
    language: str | None
    variables: dict[str, Any]
    content: dict[str, Any] | None
    metadata: dict[str, Any]
    priority: int
    mode: str
    batch_id: UUID | None
    attempts: int
    in_doubt: bool
    provider: str | None
    provider_message_id: str | None
    error_code: str | None
    error: str | None
    correlation_id: str
    created_at: datetime
    due_at: datetime
    expires_at: datetime | None
    sent_at: datetime | None
    finished_at: datetime | None


class StatusAnswer(msgspec.Struct, kw_only=True):
    """Where a notification stands."""

    notification_id: UUID
    request_id: str | None
    status: str
    reason: str | None
    attempts: int
    provider: str | None
    error_code: str | None
    error: str | None
    due_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None


class EventAnswer(msgspec.Struct, kw_only=True):
    """One change in a notification's timeline."""

    at: datetime
    status: str
    attempt: int
    provider: str | None
    error_code: str | None
    error: str | None
    reason: str | None
    due_at: datetime | None
    detail: dict[str, Any]


class RejectionAnswer(msgspec.Struct, kw_only=True):
    """Why one row of a bulk request was not accepted."""

    index: int
    error: str
    message: str


class BulkAnswer(msgspec.Struct, kw_only=True):
    """What became of a bulk request."""

    batch_id: UUID
    accepted: int
    replayed: int
    skipped: int
    rejected: list[RejectionAnswer]


class BatchAnswer(msgspec.Struct, kw_only=True):
    """How far a batch is: `progress` is the share (0 to 1) that has reached a final status."""

    batch_id: UUID
    notification_type: str
    created_at: datetime
    total: int
    finished: int
    progress: float
    by_status: dict[str, int]


class StatusReport(Body, kw_only=True):
    """What an external worker reports about a notification."""

    notification_id: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=255, description="The notification's id or its request_id"
        ),
    ]
    status: Literal["delivered", "pending", "failed"]
    timestamp: datetime | None = None
    error: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


class ReportAccepted(msgspec.Struct, kw_only=True):
    """The report is stored and will be applied."""

    notification_id: UUID


class ProviderStatistics(msgspec.Struct, kw_only=True):
    """Counts of a channel and provider; rates are shares (0 to 1), durations seconds."""

    notification_type: str
    provider: str
    accepted: int
    sent: int
    delivered: int
    failed: int
    delivery_rate: float | None
    p50_accept_to_sent: float | None
    p95_accept_to_sent: float | None


class HourStatistics(msgspec.Struct, kw_only=True):
    """Counts of one hour and channel."""

    hour: datetime
    notification_type: str
    accepted: int
    sent: int
    delivered: int
    failed: int


class StatisticsAnswer(msgspec.Struct, kw_only=True):
    """What an organization sent since `since`."""

    since: datetime
    providers: list[ProviderStatistics]
    per_hour: list[HourStatistics]


class UsageAnswer(msgspec.Struct, kw_only=True):
    """How often a version of a template was used, and with what outcome."""

    version: int
    language: str
    sent: int
    delivered: int
    failed: int


def show_accepted(accepted: Accepted) -> AcceptedNotification:
    return AcceptedNotification(
        notification_id=accepted.notification_id,
        request_id=accepted.request_id,
        notification_type=accepted.notification_type,
        status=accepted.status,
        reason=accepted.reason or None,
        created_at=accepted.created_at,
    )


def show_notification(row: Notification) -> NotificationAnswer:
    version = row.template_version
    return NotificationAnswer(
        id=row.pk,
        request_id=row.request_id,
        notification_type=row.channel,
        status=row.status,
        reason=row.reason or None,
        user_id=row.user_id,
        recipient=row.recipient or None,
        template_code=row.template_code or None,
        template_version=version.number if version else None,
        language=row.language or None,
        variables=row.variables,
        content=row.content,
        metadata=row.metadata,
        priority=row.priority,
        mode=row.mode,
        batch_id=row.batch_id,
        attempts=row.attempts,
        in_doubt=row.doubts > 0,
        provider=row.provider or None,
        provider_message_id=row.provider_message_id or None,
        error_code=row.error_code or None,
        error=row.error or None,
        correlation_id=row.correlation_id,
        created_at=row.created_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        sent_at=row.sent_at,
        finished_at=row.finished_at,
    )


def show_status(known: dict[str, Any]) -> StatusAnswer:
    return StatusAnswer(
        notification_id=known["id"],
        request_id=known["request_id"],
        status=known["status"],
        reason=known["reason"] or None,
        attempts=known["attempts"],
        provider=known["provider"] or None,
        error_code=known["error_code"] or None,
        error=known["error"] or None,
        due_at=known["due_at"],
        sent_at=known["sent_at"],
        finished_at=known["finished_at"],
    )


def show_event(event: NotificationEvent) -> EventAnswer:
    return EventAnswer(
        at=event.at,
        status=event.status,
        attempt=event.attempt,
        provider=event.provider or None,
        error_code=event.error_code or None,
        error=event.error or None,
        reason=event.reason or None,
        due_at=event.due_at,
        detail=event.detail,
    )


def show_batch(batch: Batch, by_status: dict[str, int], finished: int) -> BatchAnswer:
    total = sum(by_status.values())
    return BatchAnswer(
        batch_id=batch.pk,
        notification_type=batch.channel,
        created_at=batch.created_at,
        total=total,
        finished=finished,
        progress=finished / total if total else 1.0,
        by_status=by_status,
    )
