"""Publishing tasks by name, with every wait bounded, and asking how long the queues are.

Only the relay and the workers publish; the web asks for the state of the queues (health).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import structlog
from amqp.exceptions import AMQPError, MessageNacked, NotFound
from celery import current_app
from django.conf import settings
from django.utils import timezone
from kombu import Connection
from kombu.exceptions import KombuError

from notifier.correlation import current_correlation_id
from notifier.tls_failure import describe_failure
from notifier.topology import (
    EXCHANGE,
    FAILED_QUEUE,
    QUEUE_OF_TASK,
    SCHEMA_VERSION,
    STORY,
    failed_queue,
    work_queues,
)

log = structlog.get_logger(__name__)
# MessageNacked (a full queue) is a bare Exception in py-amqp, OSError covers sockets.
_BROKER_ERRORS = (KombuError, AMQPError, MessageNacked, OSError)


# Seconds for a confirm, and for one of the pooled connections to be free.
CONFIRM_WAIT = 0.6
POOL_WAIT = 1.0
# How long RabbitMQ may take to tell all consumers that their queue was deleted.
DELETION_SECONDS = 1.0
# As much of a task's arguments as Flower shows.
SHOWN_LENGTH = 300


# A consumer asks for its broker again after one second, two, … five. Kombu's own pauses grow to
# thirty seconds: so long would a worker stand still beside a broker that is back.
RECONNECT_PAUSES: Mapping[str, Any] = {"interval_start": 1, "interval_step": 1, "interval_max": 5}


class BrokerUnavailable(Exception):
    """The broker did not confirm; what was to be published is still in the database."""


def publish_ids(task: str, ids: list[Any], *, kind: str, correlation_id: str = "") -> None:
    """Publish a hint that these rows have work; returns once the broker has confirmed it.

    Raises BrokerUnavailable after at most about two seconds (down, hanging, in alarm, queue full
    or missing).
    """
    message = {
        "schema_version": SCHEMA_VERSION,
        "notification_ids": [str(each) for each in ids],
        "type": kind,
        "correlation_id": correlation_id or current_correlation_id(),
        "timestamp": timezone.now().isoformat(),
    }
    publish(task, message)


def publish(task: str, message: Mapping[str, Any]) -> None:
    """Publish one task message to its queue; raise BrokerUnavailable unless it is confirmed."""
    _send(task, message, queue=QUEUE_OF_TASK[task], routing_key=QUEUE_OF_TASK[task])


def publish_story(story: Mapping[str, Any]) -> None:
    """Send a given-up notification's story to `failed.queue`, confirmed or BrokerUnavailable."""
    queue = failed_queue(settings.RABBITMQ_QUEUE_TYPE)
    _send(STORY, story, queue=queue, routing_key=FAILED_QUEUE)


def _send(task: str, message: Mapping[str, Any], *, queue: Any, routing_key: str) -> None:
    try:
        with current_app.producer_pool.acquire(block=True, timeout=POOL_WAIT) as producer:
            _send_through(producer, task, message, queue=queue, routing_key=routing_key)
    except _BROKER_ERRORS as error:
        log.warning("publish_failed", task=task, queue=routing_key, **_describe(error))
        raise BrokerUnavailable(str(error)) from error


def _send_through(
    producer: Any, task: str, message: Mapping[str, Any], *, queue: Any, routing_key: str
) -> None:
    try:
        current_app.amqp.send_task_message(
            producer,
            task,
            _build_task_message(task, message),
            queue=queue,
            exchange=EXCHANGE,
            routing_key=routing_key,
            mandatory=True,
            confirm_timeout=CONFIRM_WAIT,
        )
    except _BROKER_ERRORS:
        # Confirms are not matched to publishes: a late one would vouch for the next message.
        producer.connection.collect(socket_timeout=0.1)
        raise


def _build_task_message(task: str, message: Mapping[str, Any]) -> Any:
    """Return what Celery's `send_task` sends, without the half millisecond that it takes.

    It prepares for results, which nobody keeps here, and describes the arguments with care.
    """
    return current_app.amqp.as_task_v2(
        str(uuid4()),
        task,
        kwargs=dict(message),
        ignore_result=True,
        argsrepr="()",
        kwargsrepr=repr(dict(message))[:SHOWN_LENGTH],
    )


def _describe(error: Exception) -> dict[str, str]:
    return describe_failure(error, setting="BROKER_URL")


def declare_topology(connection: Connection) -> None:
    """Declare the exchange and every queue, also those that this process does not use.

    A queue that is missing may have been deleted a moment ago: declared again at once, RabbitMQ
    would take the deleted one's consumers for its own, which get nothing and never hear of it.
    """
    queue_type = settings.RABBITMQ_QUEUE_TYPE
    queues = (*work_queues(queue_type), failed_queue(queue_type))
    waits = not settings.IS_EMBEDDED
    if waits and any(_is_missing(connection, queue.name) for queue in queues):
        time.sleep(DELETION_SECONDS)
    for queue in queues:
        queue(connection.default_channel).declare()


def _is_missing(connection: Connection, queue: str) -> bool:
    opened: Any = connection.channel()
    try:
        with opened as channel:
            channel.queue_declare(queue, passive=True)
    except NotFound:
        return True
    return False


def open_connection() -> Connection:
    """Return a connection to the broker, established; raise BrokerUnavailable in a second."""
    connection = current_app.connection_for_write()
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=1)
    except _BROKER_ERRORS as error:
        connection.release()
        log.warning("broker_unreachable", **_describe(error))
        raise BrokerUnavailable(str(error)) from error
    return connection


@dataclass(frozen=True, slots=True)
class QueueState:
    """How many messages wait in a queue, and how many workers (whatever their size) consume it."""

    waiting: int
    consumers: int


class QueueStates:
    """Asks the broker for the state of queues, over one kept connection.

    Opening declares the topology, so a queue that an operator deleted comes back.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._known: dict[str, tuple[float, QueueState]] = {}

    def of(self, queue: str, *, max_age: float = 0) -> QueueState:
        """Return the state of a queue, asked at most so many seconds ago; raise BrokerUnavailable.

        A remembered state counts what `note_published` told since.
        """
        asked_at, state = self._known.get(queue, (float("-inf"), None))
        now = time.monotonic()
        if state is None or now - asked_at > max_age:
            state = self._ask(queue)
            self._known[queue] = (now, state)
        return state

    def note_published(self, queue: str) -> None:
        """One more message waits than the queue's remembered state says."""
        asked_at, state = self._known[queue]
        self._known[queue] = (asked_at, replace(state, waiting=state.waiting + 1))

    def close(self) -> None:
        self._known.clear()
        if self._connection is not None:
            try:
                self._connection.release()
            except _BROKER_ERRORS:
                log.debug("broker_connection_was_gone")
            self._connection = None

    def _ask(self, queue: str) -> QueueState:
        try:
            channel: Any = self._connected().default_channel
            declared = channel.queue_declare(queue, passive=True)
            return QueueState(int(declared.message_count), int(declared.consumer_count))
        except _BROKER_ERRORS as error:
            self.close()
            log.warning("queue_unavailable", queue=queue, **_describe(error))
            raise BrokerUnavailable(str(error)) from error

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = open_connection()
            declare_topology(self._connection)
        return self._connection
