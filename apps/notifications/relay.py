"""The relay: takes what is due, publishes it, and sweeps up what got stuck.

It is the only publisher of deliveries. Any number may run: rows are taken with SKIP LOCKED.
"""

import threading
import time
from collections.abc import Sequence

import structlog
from django.db import close_old_connections

from apps.notifications.models import Channel
from apps.notifications.models.dead_letter import find_unrouted
from apps.notifications.models.receipt import find_forgotten, find_unapplied
from apps.notifications.models.transitions import (
    DueNotification,
    expire_overdue,
    recover_in_doubt,
    recover_unclaimed,
    return_unpublished,
    take_due,
)
from apps.notifications.window import Window
from notifier.broker import BrokerUnavailable, QueueState, QueueStates, publish, publish_ids
from notifier.faults import DATABASE_AWAY
from notifier.measurements import count_published
from notifier.tls_failure import describe_failure
from notifier.topology import (
    APPLY_RECEIPTS,
    DELIVERY_TASK,
    MAX_IDS_PER_MESSAGE,
    QUEUE_OF_TASK,
    ROUTE_DEAD_LETTERS,
)
from notifier.tracing import trace_publishing
from notifier.wakeup import Alarm, open_alarm

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
SWEEP_SECONDS = 5.0
# Between turns. More is probably on its way: waiting this long fills the next chunks (1.7 times
# the throughput of an eager relay) and is not felt when it is quiet.
LINGER_SECONDS = 0.02
# While there is room. Each asking costs the broker more than a message.
QUEUE_STATE_SECONDS = 1.0
# Receipts ring as accepts do, and are in less of a hurry.
RECEIPTS_SECONDS = 0.1
# Messages that may wait in a queue for each worker that consumes it. The backlog stays in the
# database: there an urgent notification overtakes it, and it goes out in chunks, while a message
# that waits in the queue keeps the size that it had. This only has to keep the workers busy.
WAITING_PER_CONSUMER = 4
LONGEST_PAUSE_SECONDS = 8.0
# Each turn looks at as many rows of every organization that has some.
MOST_AT_ONCE = 2000
RECEIPTS_AT_ONCE = 1000
# What was hinted at and is not done after so long is hinted at again.
HINT_GRACE_SECONDS = 15


class Relay:
    """One relay loop; `run` until `stop` is set."""

    def __init__(self, *, alarm: Alarm | None = None) -> None:
        self._alarm = alarm or open_alarm()
        self._queues = QueueStates()
        self._swept_at = float("-inf")
        self._refusals = 0
        self._last_receipt = 0
        self._looked_for_receipts_at = float("-inf")
        self._windows = {channel: Window() for channel in Channel.values}
        self._has_more = False

    def run(self, stop: threading.Event) -> None:
        """Relay and sweep until told to stop; survives the database and the broker being away."""
        try:
            while not stop.is_set():
                self._turn(stop)
        finally:
            self._queues.close()
            self._alarm.close()

    def publish_due(self) -> int:
        """Publish what is due now and return how many notifications that were.

        Each channel for itself: a queue that is broken holds up no other. Raises BrokerUnavailable
        when something could not be published.
        """
        published = 0
        refused: BrokerUnavailable | None = None
        for channel in Channel.values:
            try:
                published += self._publish_channel(channel)
            except BrokerUnavailable as error:  # logged where it happened
                refused = error
        if refused is not None:
            self._refusals += 1
            raise refused
        self._refusals = 0
        return published

    def _turn(self, stop: threading.Event) -> None:
        self._has_more = False
        try:
            self._sweep_when_due()
            self.publish_due()
            longest_wait = self._hint_when_due()
            stop.wait(LINGER_SECONDS)
            if not self._has_more:
                self._alarm.wait(longest_wait)
        except BrokerUnavailable:
            stop.wait(min(POLL_SECONDS * 2**self._refusals, LONGEST_PAUSE_SECONDS))
        except DATABASE_AWAY as error:
            told = describe_failure(error, setting="DATABASE_URL")
            log.warning("relay_database_unavailable", **told)
            close_old_connections()
            stop.wait(POLL_SECONDS)

    def _publish_channel(self, channel: str) -> int:
        task = DELIVERY_TASK[channel]
        room, limit = self._find_room(channel, QUEUE_OF_TASK[task])
        if limit <= 0:
            return 0
        due = take_due(channel=channel, limit=limit)
        self._has_more = self._has_more or len(due) == limit
        least = self._windows[channel].part
        self._publish_chunks(task, channel, chunk(due, room, least=least))
        return len(due)

    def _find_room(self, channel: str, name: str) -> tuple[int, int]:
        """Return how many messages and how many notifications may be published now."""
        queue = self._queues.of(name, max_age=QUEUE_STATE_SECONDS)
        room, limit = self._measure_room(channel, queue)
        if limit <= 0 and queue.consumers:
            room, limit = self._measure_room(channel, self._queues.of(name))
            # Nobody tells when there is room again; without a worker there will be none soon.
            self._has_more = self._has_more or limit <= 0
        return room, limit

    def _measure_room(self, channel: str, queue: QueueState) -> tuple[int, int]:
        messages = WAITING_PER_CONSUMER * max(1, queue.consumers)
        room = messages - queue.waiting
        limit = min(self._find_limit(channel, queue, messages), room * MAX_IDS_PER_MESSAGE)
        return room, min(limit, MOST_AT_ONCE)

    def _find_limit(self, channel: str, queue: QueueState, messages: int) -> int:
        """Return how many notifications the workers can do with, as far as that is known."""
        most = messages * MAX_IDS_PER_MESSAGE
        # After a refusal one row finds out whether the broker takes messages again: a thousand
        # that go out and come back would fill a thousand timelines.
        if self._refusals:
            return 1
        if not queue.consumers:
            return most
        return self._windows[channel].find_room(
            waiting=queue.waiting, most=most, now=time.monotonic()
        )

    def _publish_chunks(
        self, task: str, channel: str, chunks: Sequence[Sequence[DueNotification]]
    ) -> None:
        for number, rows in enumerate(chunks):
            try:
                with trace_publishing(rows, queue=QUEUE_OF_TASK[task]):
                    publish_ids(
                        task,
                        [row.id for row in rows],
                        kind=channel,
                        correlation_id=rows[0].correlation_id,
                    )
                self._windows[channel].note(len(rows))
                self._queues.note_published(QUEUE_OF_TASK[task])
                count_published(len(rows))
                log.debug("published", count=len(rows), correlation_id=rows[0].correlation_id)
            except BrokerUnavailable:
                return_unpublished([row.id for rest in chunks[number:] for row in rest])
                self._queues.close()
                raise

    def _hint_when_due(self) -> float:
        """Hint at new receipts, not all the time; return for how long nothing has to be done."""
        if time.monotonic() - self._looked_for_receipts_at < RECEIPTS_SECONDS:
            return RECEIPTS_SECONDS
        self._looked_for_receipts_at = time.monotonic()
        ids = find_unapplied(after=self._last_receipt, limit=RECEIPTS_AT_ONCE)
        _hint_receipts(ids)  # the sweep sees to those that commit behind a later one
        self._last_receipt = max(ids, default=self._last_receipt)
        self._has_more = self._has_more or bool(ids)
        return POLL_SECONDS

    def _sweep_when_due(self) -> None:
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            close_old_connections()  # the next statement looks whether its connection lives
            sweep()


def chunk(
    rows: Sequence[DueNotification], room: int, *, least: int = 1
) -> list[Sequence[DueNotification]]:
    """Split rows into messages: one id when it is quiet, a hundred under load.

    At most about `room` messages, except for those that travel alone, and `least` rows in each
    but the last: a message costs a worker as much as ten mails.
    """
    alone = [[row] for row in rows if row.travels_alone]
    together = [row for row in rows if not row.travels_alone]
    size = min(MAX_IDS_PER_MESSAGE, max(least, -(-len(together) // room)))
    shared = [together[start : start + size] for start in range(0, len(together), size)]
    return sorted([*alone, *shared], key=lambda part: -part[0].priority)


def sweep(*, at_once: bool = False) -> dict[str, int]:
    """Put back what got stuck and hint again at what nobody has done; returns counts by kind.

    `at_once` takes everything that is in flight, not only what is overdue: for the start of a
    process that was all of the system. Hints that the broker refuses wait for the next sweep.
    """
    counts = {
        "not_claimed": recover_unclaimed(at_once=at_once),
        "in_doubt": recover_in_doubt(at_once=at_once),
        "expired": expire_overdue(),
    }
    for kind, count in counts.items():
        if count:
            log.warning("swept", kind=kind, count=count)
    hinted = 0
    for hint in (_hint_old_dead_letters, _hint_old_receipts):
        try:
            hinted += hint()
        except BrokerUnavailable:
            log.warning("hint_refused", hint=hint.__name__)
    return {**counts, "hinted": hinted}


def _hint_old_dead_letters() -> int:
    ids = find_unrouted(after_seconds=HINT_GRACE_SECONDS, limit=MAX_IDS_PER_MESSAGE)
    if ids:
        publish_ids(ROUTE_DEAD_LETTERS, ids, kind="dead_letters")
    return len(ids)


def _hint_old_receipts() -> int:
    ids = find_forgotten(after_seconds=HINT_GRACE_SECONDS, limit=RECEIPTS_AT_ONCE)
    _hint_receipts(ids)
    return len(ids)


def _hint_receipts(ids: Sequence[int]) -> None:
    for start in range(0, len(ids), MAX_IDS_PER_MESSAGE):
        publish(APPLY_RECEIPTS, {"receipt_ids": list(ids[start : start + MAX_IDS_PER_MESSAGE])})
