"""The state machine in SQL: everything at the same time."""

from uuid import UUID

import pytest

from apps.notifications.models import Notification
from apps.notifications.models.interventions import (
    cancel_pending,
)
from apps.notifications.models.reports import apply_receipts
from apps.notifications.models.transitions import (
    claim,
    record_outcomes,
    recover_in_doubt,
)
from notifier.models import Organization
from tests.integration.transitions.rows import (
    accept_rows,
    at_once,
    begin,
    committed,
    find,
    let_leases_end,
    needs_postgresql,
    outcome,
    receive,
    take,
    told,
)

pytestmark = pytest.mark.django_db


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
