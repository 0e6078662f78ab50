"""The state machine in SQL: what people and providers say later."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from apps.notifications.models import Notification
from apps.notifications.models.interventions import (
    cancel_pending,
    discard_failed,
    replay_failed,
)
from apps.notifications.models.reports import apply_receipts
from apps.notifications.models.transitions import (
    claim,
    record_outcomes,
    recover_in_doubt,
)
from notifier.identifiers import new_id
from notifier.models import Organization
from tests.integration.transitions.rows import (
    accept_rows,
    begin,
    find,
    outcome,
    receive,
    take,
    told,
)

pytestmark = pytest.mark.django_db


def test_only_the_pending_is_cancelled(one: UUID) -> None:
    assert cancel_pending(one)
    assert not cancel_pending(one)
    assert not cancel_pending(new_id())
    assert (take(), told(one)) == ([], ["pending", "cancelled"])


def test_a_cancellation_and_a_taker_exclude_each_other(one: UUID) -> None:
    take()
    assert not cancel_pending(one)
    assert claim([one], lease_seconds=60).fences == {one: 1}


def test_a_replay_starts_afresh(organization: Organization) -> None:
    past = timezone.now() + timedelta(seconds=60)
    (one,) = accept_rows(organization, {"expires_at": past})
    record_outcomes([outcome(one, begin(one)[one], "failed", error_code="x", in_doubt=True)])
    discard_failed([one], explanation="closed")
    assert replay_failed([one]) == []  # it was discarded
    assert replay_failed([one, new_id()], discarded_too=True) == [one]
    assert replay_failed([one], discarded_too=True) == []
    row = find(one)
    assert (row.status, row.reason, row.error_code, row.provider) == ("pending", "replay", "", "")
    assert (row.retries, row.doubts, row.attempts) == (0, 0, 1)
    assert (row.expires_at, row.finished_at, row.discarded_at) == (None, None, None)
    assert begin(one) == {one: 2}


def test_discarding_happens_once(one: UUID) -> None:
    assert discard_failed([one], explanation="") == []
    record_outcomes([outcome(one, begin(one)[one], "failed")])
    assert discard_failed([one], explanation="größer als %s") == [one]
    assert discard_failed([one], explanation="again") == []
    assert find(one).detail == {"explanation": "größer als %s"}
    assert not Notification.objects.dead_letters().exists()


def test_a_receipt_is_applied_once(one: UUID) -> None:
    record_outcomes([outcome(one, begin(one)[one])])
    delivered = receive(one, "delivered")
    assert apply_receipts([delivered, delivered]) == [one]
    assert apply_receipts([delivered]) == []
    assert apply_receipts([delivered + 1000]) == []
    assert find(one).status == "delivered"
    assert told(one)[-2:] == ["sent", "delivered"]


def test_repeated_and_late_receipts_are_events_alone(one: UUID) -> None:
    record_outcomes([outcome(one, begin(one)[one])])
    kinds = ["bounced", "delivered", "opened", "bounced", "pending"]
    for kind in kinds:
        apply_receipts([receive(one, kind)])
    assert find(one).status == "bounced"
    assert told(one)[-5:] == kinds


def test_a_receipt_that_overtakes_its_outcome_waits_for_it(one: UUID) -> None:
    fence, receipt = begin(one)[one], receive(one, "delivered")
    assert apply_receipts([receipt]) == []
    record_outcomes([outcome(one, fence)])
    assert apply_receipts([receipt]) == [one]
    assert told(one) == ["pending", "queued", "sending", "sent", "delivered"]


@pytest.mark.parametrize("kind", ["delivered", "bounced"])
def test_a_receipt_settles_what_was_in_doubt(one: UUID, kind: str) -> None:
    begin(one)
    recover_in_doubt(at_once=True)
    assert apply_receipts([receive(one, kind)]) == [one]
    assert (find(one).status, take()) == (kind, [])


def test_a_reported_failure_ends_what_was_sent_and_can_be_replayed(one: UUID) -> None:
    record_outcomes([outcome(one, begin(one)[one])])
    apply_receipts([receive(one, "failed")])
    assert find(one).status == "failed"
    assert Notification.objects.dead_letters().count() == 1
    assert replay_failed([one]) == [one]
