"""Deliver: the use case behind the delivery tasks.

Claim (committed) → check and render → provider, outside any transaction → record. A message may
arrive any number of times: the claim decides.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from uuid import UUID

import structlog
from django.conf import settings

from apps.delivery.retry import RetryPolicy
from apps.delivery.services.announcing import announcer
from apps.delivery.services.composing import compose, refuse_expired
from apps.delivery.services.leases import Lease, LeaseLost
from apps.delivery.services.outcomes import Attempt
from apps.delivery.services.outlets import Outlet, outlets_for
from apps.delivery.services.pacing import note_turn, split_by_pace
from apps.delivery.services.recording import OutcomeRecorder
from apps.delivery.services.sending import (
    Guard,
    Parcel,
    call_providers,
    conclude,
    refuse_for_a_bug,
)
from apps.delivery.services.side_by_side import call_side_by_side
from apps.notifications.models.claimed import ClaimedNotification, load_claimed
from apps.notifications.models.transitions import Outcome, return_unpublished
from notifier.broker import BrokerUnavailable, publish_ids
from notifier.correlation import bind_correlation_id
from notifier.faults import DATABASE_AWAY
from notifier.topology import ROUTE_DEAD_LETTERS
from notifier.tracing import trace_delivery

log = structlog.get_logger(__name__)


# A task gives back what it has not begun after so long, or after half a lease.
LONGEST_TASK_SECONDS = 10.0


def deliver_notifications(*, ids: Sequence[UUID], at_once: int = 1, when_slow: int = 1) -> int:
    """Send those of `ids` that are still to be sent; return how many outcomes were recorded.

    So many provider calls are under way `at_once`, or `when_slow` behind a provider that lets us
    wait. Claimed, sent and recorded in parts of a moment each (see `pacing`). What is not begun in
    time, or because of a fault of ours, is given back, and its attempt does not count.
    """
    lease_seconds = settings.SEND_LEASE_SECONDS
    recorded: list[UUID] = []
    given_up: list[UUID] = []
    unclaimed = list(ids)
    longest = min(lease_seconds / 2, LONGEST_TASK_SECONDS)
    parts = split_by_pace(ids, seconds=longest, at_once=at_once, when_slow=when_slow)
    for part, width in parts:
        recorder = _deliver_part(part, lease_seconds=lease_seconds, at_once=width)
        recorded += recorder.recorded
        given_up += recorder.given_up
        del unclaimed[: len(part)]
    if unclaimed:
        return_unpublished(unclaimed, reason="released")
    _announce(recorded, given_up)
    return len(recorded)


def _deliver_part(ids: Sequence[UUID], *, lease_seconds: float, at_once: int) -> OutcomeRecorder:
    lease = Lease(ids, seconds=lease_seconds)
    unbegun = dict.fromkeys(lease.fences)
    recorder = OutcomeRecorder(lease)
    if at_once > 1:
        outcomes = _send_together(lease, recorder, unbegun, at_once)
    else:
        outcomes = _send_in_turn(lease, recorder, unbegun)
    try:
        for outcome in outcomes:
            recorder.add(outcome)
    finally:
        try:
            recorder.flush()  # after a fault too: what is done exists nowhere else yet
        finally:
            lease.give_back(list(unbegun))
    return recorder


def _send_in_turn(
    lease: Lease, recorder: OutcomeRecorder, unbegun: dict[UUID, None]
) -> Iterator[Outcome]:
    """Send one after the other; what is begun leaves `unbegun`."""
    called_at: list[float] = []

    def guard(notification_id: UUID) -> None:
        recorder.flush_when_due()
        lease.hold(notification_id)
        called_at[:] = [time.monotonic()]

    policy = _policy()
    for parcel, following in _look_ahead(_compose_all(lease)):
        outlets = _outlets_of(parcel)
        del unbegun[parcel.notification.id]
        current = _hold_back_expired(parcel, lease)
        result = _plan_call(current, guard, outlets, following)
        outcomes = _conclude_safely(current, result, policy)
        if called_at:  # else it was refused, or held back
            note_turn(time.monotonic() - called_at.pop())
        yield from outcomes


def _send_together(
    lease: Lease, recorder: OutcomeRecorder, unbegun: dict[UUID, None], at_once: int
) -> Iterator[Outcome]:
    """Send `at_once` of them at a time; what is begun leaves `unbegun`.

    Outcomes and lease are this thread's, so that the others need no database.
    """

    def begin() -> Iterator[tuple[Parcel, Callable[[], list[Attempt]]]]:
        for parcel in _compose_all(lease):
            see_to_duties()
            outlets = _outlets_of(parcel)
            del unbegun[parcel.notification.id]
            yield parcel, _plan_call(parcel, lease.check, outlets, apart=True)

    def see_to_duties() -> None:
        recorder.flush_when_due()
        lease.keep()

    policy = _policy()
    for parcel, result in call_side_by_side(begin(), at_once=at_once, meanwhile=see_to_duties):
        yield from _conclude_safely(parcel, result, policy)


def _compose_all(lease: Lease) -> Iterator[Parcel]:
    return (_compose_safely(row, lease) for row in load_claimed(lease.fences))


def _look_ahead(parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Parcel | None]]:
    current = next(parcels, None)
    while current is not None:
        following = next(parcels, None)
        yield current, following
        current = following


def _compose_safely(notification: ClaimedNotification, lease: Lease) -> Parcel:
    """Compose one notification; a bug of ours is its own outcome, not its neighbours'."""
    bind_correlation_id(notification.correlation_id)
    try:
        content = compose(notification, now=lease.now())
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001  # recorded as the outcome, and logged
        content = refuse_for_a_bug(notification, error)
    return Parcel(notification=notification, content=content)


def _hold_back_expired(parcel: Parcel, lease: Lease) -> Parcel:
    """The one before may have taken long since this one was composed."""
    refusal = refuse_expired(parcel.notification, now=lease.now())
    return replace(parcel, content=refusal) if refusal else parcel


def _outlets_of(parcel: Parcel) -> list[Outlet]:
    """Return whom to call, over this thread's connections; raises where one cannot be built."""
    return outlets_for(channel=parcel.notification.channel, mode=parcel.notification.mode)


def _plan_call(
    parcel: Parcel,
    guard: Guard,
    outlets: Sequence[Outlet],
    following: Parcel | None = None,
    *,
    apart: bool = False,
) -> Callable[[], list[Attempt]]:
    """Return what makes the calls.

    What is to be called `apart`, in another thread, but needs the database is called here.
    """
    notification = parcel.notification

    def call() -> list[Attempt]:
        bind_correlation_id(notification.correlation_id)
        with trace_delivery(notification, channel=notification.channel):
            return call_providers(parcel, guard=guard, outlets=outlets, following=following)

    needs_database = any(outlet.is_ours for outlet in outlets)
    return _call_now(call) if apart and needs_database else call


def _call_now(call: Callable[[], list[Attempt]]) -> Callable[[], list[Attempt]]:
    """Return what returns the call's result, or raises what it raised."""
    future: Future[list[Attempt]] = Future()
    try:
        future.set_result(call())
    except Exception as error:  # noqa: BLE001  # `result` raises it
        future.set_exception(error)
    return future.result


def _conclude_safely(
    parcel: Parcel, result: Callable[[], list[Attempt]], policy: RetryPolicy
) -> list[Outcome]:
    """Return the outcome; none when the notification is not ours any more."""
    bind_correlation_id(parcel.notification.correlation_id)
    try:
        return [conclude(parcel, result(), policy=policy)]
    except LeaseLost:
        log.warning("lease_lost", notification_id=str(parcel.notification.id))
        return []
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001  # recorded as the outcome, and logged
        refusal = refuse_for_a_bug(parcel.notification, error)
        return [conclude(replace(parcel, content=refusal), [], policy=policy)]


def _policy() -> RetryPolicy:
    return RetryPolicy(
        max_retries=settings.RETRY_MAX,
        base_seconds=settings.RETRY_BASE_SECONDS,
        cap_seconds=settings.RETRY_CAP_SECONDS,
    )


def _announce(recorded: list[UUID], given_up: list[UUID]) -> None:
    """Hint at what follows; what is not hinted at is found by the sweep."""
    announcer.announce(recorded)
    try:
        if given_up:
            publish_ids(ROUTE_DEAD_LETTERS, given_up, kind="dead_letters")
    except BrokerUnavailable:
        log.info("hints_left_to_the_sweep", count=len(given_up))
