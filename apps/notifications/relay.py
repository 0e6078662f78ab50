"""The relay: takes what is due, publishes it, and sweeps up what got stuck.

It is the only publisher of deliveries. Any number may run: rows are taken with SKIP LOCKED.
"""

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from apps.notifications.models import Channel, Notification, Receipt
from apps.notifications.models.transitions import (
    DueNotification,
    expire_overdue,
    recover_in_doubt,
    recover_unclaimed,
    return_unpublished,
    take_due,
)
from notifier.broker import BrokerUnavailable, QueueStates, publish, publish_ids
from notifier.topology import (
    APPLY_RECEIPTS,
    DELIVERY_TASK,
    MAX_IDS_PER_MESSAGE,
    QUEUE_OF_TASK,
    ROUTE_DEAD_LETTERS,
)
from notifier.wakeup import Alarm, open_alarm

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
SWEEP_SECONDS = 5.0
# After a batch more is probably on its way: waiting this long fills the next chunks (1.7 times
# the throughput of an eager relay) and is not felt when it is quiet.
LINGER_SECONDS = 0.02
# Messages that may wait in a queue for each worker that consumes it. The backlog stays in the
# database: there an urgent notification overtakes it, and it goes out in chunks, while a message
# that waits in the queue keeps the size that it had. This only has to keep the workers busy.
WAITING_PER_CONSUMER = 4
DEAD_LETTER_GRACE = timedelta(seconds=30)


class Relay:
    """One relay loop; `run` until `stop` is set."""

    def __init__(self, *, alarm: Alarm | None = None) -> None:
        self._alarm = alarm or open_alarm()
        self._queues = QueueStates()
        self._swept_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Relay and sweep until told to stop; survives the database and the broker being away."""
        try:
            while not stop.is_set():
                self._turn(stop)
        finally:
            self._queues.close()
            self._alarm.close()

    def publish_due(self) -> int:
        """Publish what is due now and return how many notifications that were."""
        return sum(self._publish_channel(channel) for channel in Channel.values)

    def _turn(self, stop: threading.Event) -> None:
        close_old_connections()
        try:
            self._sweep_when_due()
            if self.publish_due():
                stop.wait(LINGER_SECONDS)
            else:
                self._alarm.wait(POLL_SECONDS)
        except BrokerUnavailable:
            stop.wait(POLL_SECONDS)  # logged where it happened; the rows are pending again
        except (OperationalError, InterfaceError) as error:
            log.warning("relay_database_unavailable", error=type(error).__name__)
            stop.wait(POLL_SECONDS)

    def _publish_channel(self, channel: str) -> int:
        task = DELIVERY_TASK[channel]
        queue = self._queues.of(QUEUE_OF_TASK[task])
        room = WAITING_PER_CONSUMER * max(1, queue.consumers) - queue.waiting
        if room <= 0:
            return 0
        due = take_due(channel=channel, limit=room * MAX_IDS_PER_MESSAGE)
        self._publish_chunks(task, channel, chunk(due, room))
        return len(due)

    def _publish_chunks(
        self, task: str, channel: str, chunks: Sequence[Sequence[DueNotification]]
    ) -> None:
        for number, rows in enumerate(chunks):
            try:
                publish_ids(
                    task,
                    [row.id for row in rows],
                    kind=channel,
                    correlation_id=rows[0].correlation_id,
                )
            except BrokerUnavailable:
                return_unpublished([row.id for rest in chunks[number:] for row in rest])
                self._queues.close()
                raise

    def _sweep_when_due(self) -> None:
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            sweep()
            self._swept_at = time.monotonic()


def chunk(rows: Sequence[DueNotification], room: int) -> list[Sequence[DueNotification]]:
    """Split rows into at most `room` messages: one id each when quiet, a hundred under load."""
    size = min(MAX_IDS_PER_MESSAGE, max(1, -(-len(rows) // room)))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def sweep(*, at_once: bool = False) -> dict[str, int]:
    """Put back what got stuck and hint again at what nobody has done; returns counts by kind.

    `at_once` takes everything that is in flight, not only what is overdue: for the start of a
    process that was all of the system.
    """
    counts = {
        "not_claimed": recover_unclaimed(at_once=at_once),
        "in_doubt": recover_in_doubt(at_once=at_once),
        "expired": expire_overdue(),
    }
    for kind, count in counts.items():
        if count:
            log.warning("swept", kind=kind, count=count)
    return {**counts, "hinted": _hint_dead_letters() + _hint_receipts()}


def _hint_dead_letters() -> int:
    waiting = Notification.objects.unrouted_dead_letters(
        failed_before=timezone.now() - DEAD_LETTER_GRACE
    )
    ids: list[UUID] = list(waiting.values_list("id", flat=True)[:MAX_IDS_PER_MESSAGE])
    if ids:
        publish_ids(ROUTE_DEAD_LETTERS, ids, kind="dead_letters")
    return len(ids)


def _hint_receipts() -> int:
    ids = list(
        Receipt.objects.filter(applied_at=None)
        .order_by("id")
        .values_list("id", flat=True)[:MAX_IDS_PER_MESSAGE]
    )
    if ids:
        publish(APPLY_RECEIPTS, {"receipt_ids": ids})
    return len(ids)
