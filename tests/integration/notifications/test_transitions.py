"""The state machine in SQL, on PostgreSQL; what needs no second connection on SQLite too."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.notifications.models import Notification, NotificationEvent, Receipt
from apps.notifications.models.interventions import (
    cancel_pending,
    discard_failed,
    replay_failed,
)
from apps.notifications.models.reports import apply_receipts
from apps.notifications.models.transitions import (
    MAX_DOUBTS,
    Outcome,
    claim,
    expire_overdue,
    insert_accepted,
    record_outcomes,
    recover_in_doubt,
    recover_unclaimed,
    release_claims,
    return_unpublished,
    take_due,
)
from notifier.identifiers import new_id
from notifier.models import Organization
from tests.factories import make_organization

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[3]
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
    """The SQLite run has no conftest, which would start the servers."""
    return make_organization()


@pytest.fixture
def one(organization: Organization) -> UUID:
    return accept_rows(organization, {})[0]


# --- accept ----------------------------------------------------------------------------------


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


# --- the relay's side ------------------------------------------------------------------------


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


# --- the worker's side -----------------------------------------------------------------------


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


# --- people and receipts ---------------------------------------------------------------------


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


def receive(notification_id: UUID, kind: str) -> int:
    """Store a receipt and return its number."""
    number = Receipt.objects.count()
    return Receipt.objects.create(
        notification_id=notification_id, source="one", event_id=f"{kind}-{number}", kind=kind
    ).pk


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


# --- at the same time ------------------------------------------------------------------------


@committed
@needs_postgresql
def test_of_concurrent_claims_one_has_each_row(organization: Organization) -> None:
    ids = accept_rows(organization, *({} for _ in range(40)))
    take()
    claims = at_once(lambda n: claim(ids if n % 2 else ids[::-1], lease_seconds=60).fences)
    claimed = [each for fences in claims for each in fences]
    assert sorted(claimed) == sorted(ids)
    assert set(Notification.objects.values_list("attempts", "fence")) == {(1, 1)}


@committed
@needs_postgresql
def test_takers_never_take_the_same_row(organization: Organization) -> None:
    ids = accept_rows(organization, *({"priority": n % 10 + 1} for n in range(120)))

    def take_all(_: int) -> list[UUID]:
        taken: list[UUID] = []
        while rows := take(limit=7):
            taken += rows
        return taken

    taken = [each for rows in at_once(take_all) for each in rows]
    taken += take()  # one that found all rows locked by the others stopped early
    assert sorted(taken) == sorted(ids)
    assert {tuple(told(each)) for each in ids} == {("pending", "queued")}


@committed
@needs_postgresql
def test_of_concurrent_outcomes_one_counts(one: UUID) -> None:
    fence = begin(one)[one]
    recorded = at_once(
        lambda n: record_outcomes([outcome(one, fence, "failed", error_code=str(n))])
    )
    assert recorded.count([one]) >= 1  # those that come later learn that it is recorded
    assert told(one).count("failed") == 1
    assert find(one).status == "failed"


@committed
@needs_postgresql
def test_a_success_is_recorded_once_whether_the_sweep_was_faster_or_not(
    organization: Organization,
) -> None:
    ids = accept_rows(organization, *({} for _ in range(30)))
    fences = begin(*ids)
    let_leases_end()

    def work(number: int) -> int:
        if number % 2:
            return recover_in_doubt()
        return len(record_outcomes([outcome(each, fences[each]) for each in ids]))

    at_once(work, threads=4)
    assert set(Notification.objects.values_list("status", flat=True)) == {"sent"}
    assert {told(each).count("sent") for each in ids} == {1}


@committed
@needs_postgresql
def test_concurrent_sweeps_recover_each_row_once(organization: Organization) -> None:
    ids = accept_rows(organization, *({} for _ in range(30)))
    begin(*ids)
    let_leases_end()
    assert sum(at_once(lambda _: recover_in_doubt())) == 30
    assert set(Notification.objects.values_list("doubts", flat=True)) == {1}


@committed
@needs_postgresql
def test_a_cancellation_or_a_taker_wins_never_both(organization: Organization) -> None:
    ids = accept_rows(organization, *({} for _ in range(20)))

    def work(number: int) -> list[UUID]:
        return [each for each in ids if cancel_pending(each)] if number else take()

    taken, cancelled = at_once(work, threads=2)
    assert sorted([*taken, *cancelled]) == sorted(ids)


@committed
@needs_postgresql
def test_a_receipt_applied_by_several_workers_counts_once(one: UUID) -> None:
    record_outcomes([outcome(one, begin(one)[one])])
    receipt = receive(one, "delivered")
    applied = at_once(lambda _: apply_receipts([receipt]))
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 0, 1]
    assert told(one).count("delivered") == 1


# --- the other dialect -----------------------------------------------------------------------


@needs_postgresql
def test_all_this_holds_on_sqlite_too(tmp_path: Path) -> None:
    """Run this file in a process on SQLite; what needs a second writer is skipped there."""
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "CACHE_URL": "",
    }
    # No conftest and no plugin of ours: they are about the servers.
    command = [sys.executable, "-m", "pytest", "--noconftest", "-o", "addopts=", "-q", __file__]
    run = subprocess.run(  # noqa: S603  # this very file
        [*command, "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert " passed, 8 skipped" in run.stdout, run.stdout
