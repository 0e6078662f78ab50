"""Deliver: the use case behind the delivery tasks.

Claim (committed) → check and render → provider, outside any transaction → record. A message may
arrive any number of times: the claim decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from django.conf import settings

from apps.delivery.retry import PARK_SECONDS, RetryPolicy
from apps.delivery.services.composing import compose, refuse_expired
from apps.delivery.services.leases import Lease, LeaseLost
from apps.delivery.services.pacing import split_by_pace
from apps.delivery.services.recording import OutcomeRecorder
from apps.delivery.services.sending import Guard, Parcel, refuse_for_a_bug, send_parcel
from apps.notifications.models import Notification, Status
from apps.notifications.models.transitions import Outcome, return_unpublished
from apps.notifications.services.suppressing import mark_suppressed
from notifier.broker import BrokerUnavailable, publish_ids
from notifier.correlation import bind_correlation_id
from notifier.encryption import Undecryptable
from notifier.faults import DATABASE_AWAY
from notifier.topology import REFRESH_STATUS, ROUTE_DEAD_LETTERS

log = structlog.get_logger(__name__)


# A task gives back what it has not begun after so long, or after half a lease.
LONGEST_TASK_SECONDS = 10.0


def deliver_notifications(*, ids: Sequence[UUID]) -> int:
    """Send those of `ids` that are still to be sent; return how many outcomes were recorded.

    Claimed, sent and recorded in parts of a moment each (see `pacing`). What is not begun in time,
    or because of a fault of ours, is given back, and its attempt does not count.
    """
    lease_seconds = settings.SEND_LEASE_SECONDS
    recorded: list[UUID] = []
    given_up: list[UUID] = []
    unclaimed = list(ids)
    for part in split_by_pace(ids, seconds=min(lease_seconds / 2, LONGEST_TASK_SECONDS)):
        recorder = _deliver_part(part, lease_seconds=lease_seconds)
        recorded += recorder.recorded
        given_up += recorder.given_up
        del unclaimed[: len(part)]
    if unclaimed:
        return_unpublished(unclaimed, reason="released")
    _announce(recorded, given_up)
    return len(recorded)


def _deliver_part(ids: Sequence[UUID], *, lease_seconds: float) -> OutcomeRecorder:
    lease = Lease(ids, seconds=lease_seconds)
    unbegun = list(lease.fences)
    recorder = OutcomeRecorder(lease)
    try:
        _send_all(lease, recorder, unbegun)
        recorder.flush()
    finally:
        lease.give_back(unbegun)
    return recorder


def _send_all(lease: Lease, recorder: OutcomeRecorder, unbegun: list[UUID]) -> None:
    """Send one after the other; what is begun leaves `unbegun`."""

    def guard(notification_id: UUID) -> None:
        recorder.flush_when_due()
        lease.hold(notification_id)

    rows = _load_readable(lease, recorder, unbegun)
    for parcel, following in _look_ahead(_compose_safely(row, lease) for row in rows):
        unbegun.remove(parcel.notification.pk)
        outcome = _send_safely(_hold_back_expired(parcel, lease), guard, following)
        if outcome is not None:
            recorder.add(outcome)


def _look_ahead(parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Parcel | None]]:
    current = next(parcels, None)
    while current is not None:
        following = next(parcels, None)
        yield current, following
        current = following


def _compose_safely(notification: Notification, lease: Lease) -> Parcel:
    """Compose one notification; a bug of ours is its own outcome, not its neighbours'."""
    bind_correlation_id(notification.correlation_id)
    # The fence of the claim, whatever the row says by now: it alone proves that we hold it.
    notification.fence = lease.fences.get(notification.pk, notification.fence)
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


def _send_safely(parcel: Parcel, guard: Guard, following: Parcel | None) -> Outcome | None:
    """Send one notification; None when it is not ours any more."""
    notification = parcel.notification
    bind_correlation_id(notification.correlation_id)
    try:
        return send_parcel(parcel, guard=guard, policy=_policy(), following=following)
    except LeaseLost:
        log.warning("lease_lost", notification_id=str(notification.pk))
        return None
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001  # recorded as the outcome, and logged
        refusal = refuse_for_a_bug(notification, error)
        return send_parcel(replace(parcel, content=refusal), guard=guard, policy=_policy())


def _load_readable(
    lease: Lease, recorder: OutcomeRecorder, unbegun: list[UUID]
) -> list[Notification]:
    """Load what was claimed; what no key opens is parked by itself, and its neighbours go on."""
    try:
        return _load(lease.fences)
    except Undecryptable:
        readable: list[Notification] = []
        for notification_id, fence in lease.fences.items():
            try:
                readable += _load({notification_id: fence})
            except Undecryptable as error:
                unbegun.remove(notification_id)
                recorder.add(_park_sealed(notification_id, fence, error))
        return readable


def _park_sealed(notification_id: UUID, fence: int, error: Undecryptable) -> Outcome:
    """Nothing was tried: it waits, as behind wrong credentials, until the key is back."""
    row = Notification.objects.only("reached_devices").get(pk=notification_id)
    return Outcome(
        id=notification_id,
        fence=fence,
        status=Status.PENDING,
        reason="misconfigured",
        error_code="undecryptable",
        error=error.message,
        detail={},
        retry_in=PARK_SECONDS,
        reached_devices=row.reached_devices,
        uncount_attempt=True,
    )


def _load(fences: dict[UUID, int]) -> list[Notification]:
    rows = (
        Notification.objects.filter(pk__in=fences)
        .select_related("user", "template_version__template")
        .prefetch_related("user__devices")
        .defer("metadata", "user__name")  # sealed, and not needed to send
        .order_by("-priority", "due_at", "id")
    )
    return mark_suppressed(list(rows))


def _policy() -> RetryPolicy:
    return RetryPolicy(
        max_retries=settings.RETRY_MAX,
        base_seconds=settings.RETRY_BASE_SECONDS,
        cap_seconds=settings.RETRY_CAP_SECONDS,
    )


def _announce(recorded: list[UUID], given_up: list[UUID]) -> None:
    """Hint at what follows; what is not hinted at is found by the sweep."""
    try:
        if given_up:
            publish_ids(ROUTE_DEAD_LETTERS, given_up, kind="dead_letters")
        if recorded:
            publish_ids(REFRESH_STATUS, recorded, kind="status")
    except BrokerUnavailable:
        log.info("hints_left_to_the_sweep", count=len(recorded))
