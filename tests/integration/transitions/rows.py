"""Rows of the ledger, and how tests move them on. No server is needed: SQLite runs it too."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.notifications.models import Notification, NotificationEvent, Receipt
from apps.notifications.models.transitions import (
    Outcome,
    claim,
    insert_accepted,
    take_due,
)
from notifier.identifiers import new_id
from notifier.models import Organization
from tests.factories import make_organization

Result = TypeVar("Result")
needs_postgresql = pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer")
committed = pytest.mark.django_db(transaction=True)
THREADS = 6


def accept_rows(organization: Organization, *rows: dict[str, Any]) -> list[UUID]:
    """Store accepted notifications and return their ids; each row says what is special."""
    whole = [_row(organization) | row for row in rows]
    stored = insert_accepted(whole)
    return [row["id"] for row in whole if row["id"] in stored]


def _row(organization: Organization) -> dict[str, Any]:
    empty = dict.fromkeys(
        ("batch_id", "request_id", "user_id", "template_version_id", "due_at", "expires_at")
    )
    return empty | {
        "id": new_id(),
        "organization_id": organization.pk,
        "channel": "email",
        "mode": "live",
        "priority": 5,
        "correlation_id": "test",
        "request_digest": "",
        "recipient": "ada@example.org",
        "recipient_index": "",
        "platform": "",
        "template_code": "",
        "language": "",
        "content": {"subject": "Größe", "text": "% and %s"},
        "variables": {"n": [1, None, True]},
        "metadata": {},
        "delivery_guarantee": "at_least_once",
        "status": "pending",
        "reason": "",
    }


def take(channel: str = "email", limit: int = 100) -> list[UUID]:
    return [row.id for row in take_due(channel=channel, limit=limit)]


def begin(*ids: UUID, lease_seconds: float = 60) -> dict[UUID, int]:
    """Take what is due and claim these."""
    take()
    return claim(ids, lease_seconds=lease_seconds).fences


def outcome(notification_id: UUID, fence: int, status: str = "sent", **fields: Any) -> Outcome:
    values: dict[str, Any] = {"detail": {}, "provider": "one"} | fields
    return Outcome(id=notification_id, fence=fence, status=status, **values)


def find(notification_id: UUID) -> Notification:
    return Notification.objects.get(pk=notification_id)


def told(notification_id: UUID) -> list[str]:
    """Return the statuses of a timeline."""
    events = NotificationEvent.objects.filter(notification_id=notification_id).order_by("id")
    return [event.status for event in events]


def receive(notification_id: UUID, kind: str) -> int:
    """Store a receipt and return its number."""
    number = Receipt.objects.count()
    return Receipt.objects.create(
        notification_id=notification_id, source="one", event_id=f"{kind}-{number}", kind=kind
    ).pk


def let_leases_end() -> None:
    Notification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def at_once(work: Callable[[int], Result], *, threads: int = THREADS) -> list[Result]:
    """Run `work(0..n-1)` on connections of their own, all starting together."""
    barrier = Barrier(threads, timeout=10)

    def run(number: int) -> Result:
        try:
            connection.ensure_connection()
            barrier.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def one(organization: Organization) -> UUID:
    return accept_rows(organization, {})[0]
