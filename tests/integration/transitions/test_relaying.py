"""The state machine in SQL: accept, and the relay's side."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.notifications.models import NotificationEvent
from apps.notifications.models.transitions import (
    expire_overdue,
    recover_unclaimed,
    return_unpublished,
)
from notifier.models import Organization
from tests.factories import make_organization
from tests.integration.transitions.rows import accept_rows, begin, find, let_leases_end, take, told

pytestmark = pytest.mark.django_db


def test_what_is_accepted_is_stored_as_it_was_with_its_event(one: UUID) -> None:
    row = find(one)
    assert (row.status, row.attempts, row.fence, row.doubts) == ("pending", 0, 0, 0)
    assert row.content == {"subject": "Größe", "text": "% and %s"}
    assert row.variables == {"n": [1, None, True]}
    assert (row.detail, row.reached_devices) == ({}, [])
    assert abs(row.created_at - timezone.now()) < timedelta(seconds=5)
    assert abs(row.due_at - row.created_at) < timedelta(seconds=1)
    assert told(one) == ["pending"]


def test_a_request_id_is_stored_once_per_organization(organization: Organization) -> None:
    again: dict[str, Any] = {"request_id": "order-1"}
    assert len(accept_rows(organization, again, again, {})) == 2
    assert accept_rows(organization, again) == []
    assert len(accept_rows(make_organization(), again)) == 1
    assert NotificationEvent.objects.count() == 3


def test_a_skipped_row_is_finished_at_once(organization: Organization) -> None:
    (skipped,) = accept_rows(organization, {"status": "skipped", "reason": "no_device"})
    assert (find(skipped).reason, find(skipped).finished_at is None) == ("no_device", False)
    assert take() == []


def test_the_most_urgent_is_taken_first_then_the_oldest(organization: Organization) -> None:
    hour = timedelta(hours=1)
    now = timezone.now()
    ids = accept_rows(
        organization,
        {"priority": 1, "due_at": now - 5 * hour},
        {"priority": 10, "due_at": now - hour},
        {"priority": 5, "due_at": now - 2 * hour},
        {"priority": 10, "due_at": now - 2 * hour},
        {"priority": 10, "due_at": now + hour},
        {"priority": 10, "due_at": now - hour, "channel": "push"},
    )
    assert take(limit=2) == [ids[3], ids[1]]
    assert take() == [ids[2], ids[0]]
    assert take() == []
    assert take("push") == [ids[5]]
    assert find(ids[3]).status == "queued"


def test_what_is_scheduled_waits_for_the_databases_clock(organization: Organization) -> None:
    soon = timezone.now() + timedelta(milliseconds=300)
    ids = accept_rows(organization, {"due_at": soon})
    assert take() == []
    time.sleep(0.35)
    assert take() == ids


def test_the_unpublished_goes_back(one: UUID) -> None:
    assert take() == [one]
    return_unpublished([one])
    row = find(one)
    assert (row.status, row.reason, row.lease_until) == ("pending", "broker_unavailable", None)
    assert take() == [one]


def test_only_the_queued_goes_back_as_unpublished(one: UUID) -> None:
    begin(one)
    return_unpublished([one])
    assert find(one).status == "sending"


def test_what_nobody_claims_in_time_is_published_again(one: UUID) -> None:
    take()
    assert recover_unclaimed() == 0
    let_leases_end()
    assert recover_unclaimed() == 1
    assert (find(one).status, find(one).reason) == ("pending", "not_claimed")
    take()
    assert recover_unclaimed(at_once=True) == 1
    assert told(one) == ["pending", "queued", "pending", "queued", "pending"]


def test_what_is_overdue_expires_and_is_not_taken(organization: Organization) -> None:
    now = timezone.now()
    past, future = now - timedelta(seconds=1), now + timedelta(hours=1)
    gone, waiting = accept_rows(organization, {"expires_at": past}, {"expires_at": future})
    assert take() == [waiting]
    assert expire_overdue() == 1
    row = find(gone)
    assert (row.status, row.reason, row.finished_at is None) == (
        "expired",
        "expires_at_passed",
        False,
    )
    assert expire_overdue() == 0
    assert find(waiting).status == "queued"
