"""The state machine in SQL: the worker's side."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from apps.notifications.models import Notification, NotificationEvent
from apps.notifications.models.transitions import (
    MAX_DOUBTS,
    claim,
    record_outcomes,
    recover_in_doubt,
    release_claims,
)
from notifier.identifiers import new_id
from notifier.models import Organization
from tests.integration.transitions.rows import (
    accept_rows,
    begin,
    find,
    let_leases_end,
    outcome,
    take,
    told,
)

pytestmark = pytest.mark.django_db


def test_claiming_twice_claims_once(one: UUID) -> None:
    take()
    assert claim([one, new_id()], lease_seconds=60).fences == {one: 1}
    assert claim([one], lease_seconds=60).fences == {}
    row = find(one)
    assert (row.status, row.attempts, row.fence) == ("sending", 1, 1)
    assert row.lease_until is not None
    assert timedelta(seconds=50) < row.lease_until - timezone.now() < timedelta(seconds=61)
    assert told(one) == ["pending", "queued", "sending"]


def test_what_was_not_taken_cannot_be_claimed(one: UUID) -> None:
    assert claim([one], lease_seconds=60).fences == {}
    assert claim([], lease_seconds=60).fences == {}
    assert told(one) == ["pending"]


def test_an_outcome_is_recorded_with_all_that_belongs_to_it(one: UUID) -> None:
    fence = begin(one)[one]
    done = outcome(
        one,
        fence,
        provider_message_id="m-1",
        detail={"größe": "%s"},
        reached_devices=["d-1"],
    )
    assert record_outcomes([done]) == [one]
    row = find(one)
    assert (row.status, row.provider, row.provider_message_id) == ("sent", "one", "m-1")
    assert (row.detail, row.reached_devices) == ({"größe": "%s"}, ["d-1"])
    assert row.lease_until is None
    assert row.sent_at is not None
    assert row.finished_at is not None
    assert NotificationEvent.objects.get(notification_id=one, status="sent").detail == row.detail


def test_a_retry_waits_as_long_as_its_outcome_says(one: UUID) -> None:
    fence = begin(one)[one]
    later = outcome(one, fence, "pending", retry_in=90.5, counts_as_retry=True, reason="retry")
    assert record_outcomes([later]) == [one]
    row = find(one)
    wait = row.due_at - timezone.now()
    assert timedelta(seconds=85) < wait < timedelta(seconds=91)
    assert (row.retries, row.doubts, row.finished_at, row.sent_at) == (1, 0, None, None)
    assert take() == []
    event = NotificationEvent.objects.filter(notification_id=one).latest("id")
    assert event.due_at == row.due_at


def test_parking_uses_up_no_retry_and_doubt_is_counted(one: UUID) -> None:
    record_outcomes([outcome(one, begin(one)[one], "pending")])
    assert (find(one).retries, find(one).doubts) == (0, 0)
    record_outcomes([outcome(one, begin(one)[one], "pending", in_doubt=True)])
    assert (find(one).retries, find(one).doubts, find(one).attempts) == (0, 1, 2)


def test_many_outcomes_are_recorded_at_once(organization: Organization) -> None:
    ids = accept_rows(organization, *({} for _ in range(20)))
    fences = begin(*ids)
    done = [
        outcome(each, fences[each], "failed" if n % 2 else "sent") for n, each in enumerate(ids)
    ]
    assert set(record_outcomes(done)) == set(ids)
    assert Notification.objects.filter(status="failed", sent_at=None).count() == 10
    assert Notification.objects.filter(status="sent").exclude(sent_at=None).count() == 10


def test_a_late_outcome_changes_nothing_and_is_told(one: UUID) -> None:
    first = begin(one)[one]
    let_leases_end()
    assert recover_in_doubt() == 1
    second = begin(one)[one]
    assert record_outcomes([outcome(one, first, "failed", error="too late")]) == []
    assert (find(one).status, find(one).error) == ("sending", "")
    assert record_outcomes([outcome(one, second)]) == [one]
    assert record_outcomes([outcome(one, second, "failed")]) == []
    assert find(one).status == "sent"
    assert told(one)[-3:] == ["late", "sent", "late"]
    late = NotificationEvent.objects.filter(notification_id=one, status="late").first()
    assert late is not None
    assert (late.detail["outcome"], late.error) == ("failed", "too late")


def test_recording_twice_answers_the_same_and_is_told_once(one: UUID) -> None:
    """The answer to a commit may be lost; the worker asks again."""
    done = outcome(one, begin(one)[one])
    assert record_outcomes([done]) == record_outcomes([done]) == [one]
    assert told(one) == ["pending", "queued", "sending", "sent"]


def test_a_late_success_that_nobody_has_claimed_since_is_the_truth(one: UUID) -> None:
    fence = begin(one)[one]
    recover_in_doubt(at_once=True)
    take()
    assert record_outcomes([outcome(one, fence, "failed")]) == []
    assert record_outcomes([outcome(one, fence)]) == [one]
    assert (find(one).status, claim([one], lease_seconds=60).fences) == ("sent", {})


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\\u0000", "\\\x00", "x" * 5000, "%s {} '"])
def test_whatever_a_provider_says_can_be_recorded(one: UUID, text: str) -> None:
    fence = begin(one)[one]
    told_by_provider = outcome(
        one,
        fence,
        "failed",
        error=text,
        error_code=text,
        provider_message_id=text,
        detail={"tried": [{"error": text}], text[:20]: 1},
    )
    assert record_outcomes([told_by_provider]) == [one]
    assert find(one).status == "failed"


def test_released_claims_give_the_attempt_back(organization: Organization) -> None:
    one, two = accept_rows(organization, {}, {})
    fences = begin(one, two)
    release_claims({one: fences[one], two: fences[two] - 1})
    row = find(one)
    assert (row.status, row.reason, row.attempts, row.lease_until) == (
        "pending",
        "released",
        0,
        None,
    )
    assert (find(two).status, find(two).attempts) == ("sending", 1)
    assert record_outcomes([outcome(one, fences[one], "failed")]) == []
    assert begin(one)[one] == fences[one] + 1


def test_what_a_lost_worker_held_is_in_doubt_and_sent_again(one: UUID) -> None:
    begin(one)
    assert recover_in_doubt() == 0
    let_leases_end()
    assert recover_in_doubt() == 1
    row = find(one)
    assert (row.status, row.reason, row.error_code) == ("pending", "in_doubt", "in_doubt")
    assert (row.doubts, row.attempts, row.finished_at) == (1, 1, None)
    assert take() == [one]


def test_at_most_once_is_never_sent_again(organization: Organization) -> None:
    (one,) = accept_rows(organization, {"delivery_guarantee": "at_most_once"})
    begin(one)
    assert recover_in_doubt(at_once=True) == 1
    row = find(one)
    assert (row.status, row.reason, row.finished_at is None) == ("failed", "in_doubt", False)
    assert take() == []


def test_what_takes_its_worker_down_six_times_is_given_up(one: UUID) -> None:
    for number in range(MAX_DOUBTS + 1):
        assert find(one).status == "pending", number
        begin(one)
        recover_in_doubt(at_once=True)
    assert (find(one).status, find(one).attempts, find(one).doubts) == ("failed", 6, 6)
