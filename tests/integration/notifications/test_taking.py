"""What the relay takes first: the urgent, then organizations in turn; on PostgreSQL and SQLite."""

from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.notifications.models import Notification
from apps.notifications.models.transitions import take_due
from tests.factories import make_organization
from tests.integration.transitions.rows import accept_rows, take

pytestmark = pytest.mark.django_db


def test_a_backlog_of_one_organization_delays_no_other() -> None:
    large, small = make_organization(), make_organization()
    accept_rows(large, *({} for _ in range(50)))
    late = accept_rows(small, *({} for _ in range(5)))
    taken = take(limit=10)
    assert set(late) <= set(taken)
    assert len(taken) == 10


def test_also_what_is_taken_one_by_one_is_shared_between_organizations() -> None:
    large, small = make_organization(), make_organization()
    accept_rows(large, *({} for _ in range(60)))
    late = accept_rows(small, *({} for _ in range(5)))
    taken = [each for _ in range(40) for each in take(limit=1)]
    assert set(late) <= set(taken)  # by lot: they are not once in ten million runs


def test_equal_backlogs_are_served_equally() -> None:
    organizations = [make_organization() for _ in range(3)]
    for organization in organizations:
        accept_rows(organization, *({} for _ in range(30)))
    for _ in range(3):
        take(limit=12)
    served = Counter(
        Notification.objects.filter(status="queued").values_list("organization_id", flat=True)
    )
    assert served == {organization.pk: 12 for organization in organizations}


def test_urgent_notifications_of_anybody_come_before_all_turns() -> None:
    crowd, hurried = make_organization(), make_organization()
    accept_rows(crowd, *({"priority": 5} for _ in range(20)))
    accept_rows(hurried, *({"priority": 1} for _ in range(5)))
    urgent = accept_rows(crowd, *({"priority": 10} for _ in range(8)))
    taken = take_due(channel="email", limit=8)
    assert {row.id for row in taken} == set(urgent)


def test_of_one_lane_the_longest_due_come_first() -> None:
    organization = make_organization()
    now = timezone.now()
    ids = accept_rows(organization, *({"due_at": now - timedelta(minutes=n)} for n in range(1, 6)))
    assert set(take(limit=2)) == set(ids[-2:])


@pytest.mark.skipif(settings.IS_SQLITE, reason="how PostgreSQL reads the index")
def test_what_is_scheduled_for_later_is_not_read() -> None:
    organization = make_organization()
    later = timezone.now() + timedelta(days=1)
    accept_rows(organization, *({"due_at": later, "priority": 9} for _ in range(2000)))
    due = accept_rows(organization, {})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notifications_notification")
    before = _rows_read_from_index()
    assert take(limit=100) == due
    assert _rows_read_from_index() - before < 100


def _rows_read_from_index() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_returned('notification_lanes'::regclass)")
        return int(cursor.fetchone()[0])
