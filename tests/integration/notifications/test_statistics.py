"""Statistics: settled hours are kept, changed ones forgotten; every answer is the ledger's."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.notifications.models import HourlyCount, Notification, Receipt
from apps.notifications.models.hourly_count import lock_counts
from apps.notifications.services.intervening import replay_dead_letters
from apps.notifications.services.receipts import (
    ReportedEvent,
    apply_stored_receipts,
    store_receipts,
)
from apps.notifications.services.statistics import keep_statistics, read_hours, report_statistics
from apps.notifications.tasks import count_hours, refresh_status
from notifier.models import Organization
from notifier.sql import run
from tests.factories import make_organization
from tests.integration.api.calling import Caller, key_of
from tests.integration.notifications.ledger import accept, finish, push

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def key(organization: Organization) -> Caller:
    return key_of(organization, "send", "read", "admin")


@pytest.fixture
def hour() -> datetime:
    """An hour of yesterday: over, and no longer counted again for safety."""
    return timezone.now().replace(minute=0, second=0, microsecond=0) - 24 * HOUR


def put_into(hour: datetime, *ids: UUID) -> None:
    """Have notifications been accepted in the middle of that hour."""
    moment = hour + timedelta(minutes=30)
    Notification.objects.filter(pk__in=ids).update(
        created_at=moment, sent_at=moment + timedelta(seconds=2)
    )


def counts_of(organization: Organization) -> dict[tuple[str, str], tuple[int, ...]]:
    rows = HourlyCount.objects.filter(organization=organization)
    return {
        (row.channel, row.provider): (row.accepted, row.sent, row.delivered, row.failed)
        for row in rows
    }


def read(organization: Organization) -> list[dict[str, Any]]:
    now = timezone.now()
    found = read_hours(organization_id=organization.pk, since=now - 48 * HOUR, now=now)
    return [
        {name: row[name] for name in ("hour", "channel", "sent", "delivered")} for row in found
    ]


def test_a_settled_hour_is_counted_once_per_channel_and_provider(
    key: Caller, organization: Organization, hour: datetime
) -> None:
    mails = [finish(accept(key)), finish(accept(key)), finish(accept(key), "failed")]
    put_into(hour, *mails, finish(accept(key, push()), provider="fcm"))
    Notification.objects.filter(pk=mails[2]).update(sent_at=None)
    for _ in range(2):
        count_hours()
        assert counts_of(organization) == {
            ("email", "capture"): (3, 2, 0, 1),
            ("push", "fcm"): (1, 1, 0, 0),
        }


def test_an_hour_with_work_under_way_is_left_for_later(
    key: Caller, organization: Organization, hour: datetime
) -> None:
    pending = accept(key)
    put_into(hour, finish(accept(key)), pending)
    Notification.objects.filter(pk=pending).update(sent_at=None)
    count_hours()
    assert not counts_of(organization)
    assert sum(row["sent"] for row in read(organization)) == 1
    Notification.objects.filter(pk=pending).update(status="cancelled")
    count_hours()
    assert counts_of(organization)


def test_the_present_hour_is_never_kept(key: Caller, organization: Organization) -> None:
    finish(accept(key))
    keep_statistics(now=timezone.now())
    assert not counts_of(organization)
    assert [row["sent"] for row in read(organization)] == [1]


def test_a_kept_hour_is_not_counted_in_the_ledger(
    key: Caller, organization: Organization, hour: datetime
) -> None:
    put_into(hour, finish(accept(key)))
    before = read(organization)
    count_hours()
    HourlyCount.objects.update(delivered=7)  # so that it shows where the answer comes from
    assert [row["delivered"] for row in before] == [0]
    assert [row["delivered"] for row in read(organization)] == [7]
    with CaptureQueriesContext(connection) as queries:
        read(organization)
    assert len(queries) == 3  # what is kept, and the ledger before and after that hour


def test_a_receipt_for_a_kept_hour_is_counted(
    key: Caller, organization: Organization, hour: datetime
) -> None:
    notification_id = finish(accept(key))
    put_into(hour, notification_id)
    count_hours()
    event = ReportedEvent(
        notification_id=notification_id, source="callback", event_id="1", kind="delivered"
    )
    store_receipts(events=[event])
    for _ in range(2):
        apply_stored_receipts(ids=list(Receipt.objects.values_list("pk", flat=True)))
        assert not counts_of(organization)
        assert [row["delivered"] for row in read(organization)] == [1]
        count_hours()
        assert counts_of(organization) == {("email", "capture"): (1, 1, 1, 0)}


def test_a_replay_and_its_outcome_are_counted(
    key: Caller, organization: Organization, hour: datetime
) -> None:
    notification_id = finish(accept(key), "failed")
    put_into(hour, notification_id)
    count_hours()
    replay_dead_letters(ids=[notification_id])
    count_hours()
    assert not counts_of(organization)
    finish(notification_id)
    count_hours()  # the message about the outcome was lost
    assert counts_of(organization) == {("email", "capture"): (1, 1, 0, 0)}


def test_a_status_message_forgets_only_what_it_touches(
    key: Caller, organization: Organization, hour: datetime
) -> None:
    touched, untouched, fresh = (finish(accept(key)) for _ in range(3))
    put_into(hour, touched)
    put_into(hour - HOUR, untouched)
    count_hours()
    refresh_status(notification_ids=[str(touched), str(fresh)])
    assert [row.hour for row in HourlyCount.objects.all()] == [hour - HOUR]


def test_the_last_hours_are_counted_again_whatever_is_known(
    key: Caller, organization: Organization
) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    put_into(hour, finish(accept(key)))
    count_hours()
    HourlyCount.objects.update(sent=99)
    count_hours()
    assert counts_of(organization) == {("email", "capture"): (1, 1, 0, 0)}


def test_what_nobody_asks_for_any_more_is_removed(
    organization: Organization, hour: datetime
) -> None:
    HourlyCount.objects.create(
        organization=organization,
        hour=hour - timedelta(days=9),
        channel="email",
        accepted=1,
        sent=1,
        delivered=0,
        failed=0,
    )
    keep_statistics(now=timezone.now())
    assert not HourlyCount.objects.exists()


def test_organizations_and_the_edge_of_the_time_are_kept_apart(
    key: Caller, organization: Organization, hour: datetime
) -> None:
    put_into(hour, finish(accept(key)))
    other = make_organization()
    count_hours()
    assert report_statistics(organization_id=other.pk, since=hour, now=timezone.now()) == ([], [])
    for since, accepted in ((hour, 1), (hour + timedelta(minutes=29), 1), (hour + HOUR, 0)):
        _, hours = report_statistics(
            organization_id=organization.pk, since=since, now=timezone.now()
        )
        assert sum(each["accepted"] for each in hours) == accepted, since
    late = hour + timedelta(minutes=31)
    providers, _ = report_statistics(organization_id=organization.pk, since=late, now=late + HOUR)
    assert providers == []


def test_counting_is_left_to_the_next_run_while_somebody_has_the_lock(
    organization: Organization, key: Caller, hour: datetime
) -> None:
    put_into(hour, finish(accept(key, push())))
    lock = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(lock, [f"hourly_counts:{organization.pk}"])
        assert keep_statistics(now=timezone.now()) == 0
    lock_counts(organization.pk)
    assert keep_statistics(now=timezone.now()) == 1
    held = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert run(held) == [(1,)]  # both take the same lock
