"""Checks of the broker: reachable, its queues as they should be, and somebody consuming."""

from dataclasses import dataclass
from typing import Any

from amqp.exceptions import AMQPError, NotFound, PreconditionFailed
from django.conf import settings
from kombu import Connection, Queue
from kombu.exceptions import KombuError

from apps.delivery.management.checkup.finding import (
    Finding,
    NoAnswer,
    answer_in_time,
    describe_absence,
    failed,
    passed,
    warned,
)
from notifier.broker import BrokerUnavailable, open_connection
from notifier.management.command_line import first_line, manage_command, python_command
from notifier.topology import FAILED_QUEUE, failed_queue, work_queues

_TROUBLE = (BrokerUnavailable, KombuError, AMQPError, NoAnswer, OSError)


@dataclass(frozen=True, slots=True)
class QueueState:
    """What the broker says about a queue; `fits`: declared with the arguments that ours has."""

    exists: bool = False
    fits: bool = False
    depth: int = 0
    consumers: int = 0


def check_broker() -> list[Finding]:
    """One finding for the broker and, where it answers, one for each queue."""
    if settings.IS_EMBEDDED:
        return [passed("broker", "in the memory of `manage.py up`")]
    try:
        answer_in_time(lambda: open_connection().release())
    except _TROUBLE as error:
        return [describe_absence("broker", error, setting="BROKER_URL")]
    kind = settings.RABBITMQ_QUEUE_TYPE
    queues = (*work_queues(kind), failed_queue(kind))
    return [passed("broker", "RabbitMQ answers"), *map(check_queue, queues)]


def check_queue(queue: Queue) -> Finding:
    try:
        state = answer_in_time(lambda: _ask_about(queue))
    except _TROUBLE as error:
        return failed(queue.name, first_line(error), mend="rabbitmqctl list_queues name state")
    return judge_queue(queue.name, state)


def judge_queue(name: str, state: QueueState) -> Finding:
    if not state.exists:
        return failed(name, "missing; any worker or relay declares it", mend=worker_command(name))
    if not state.fits:
        # Nothing is lost with it: the rows keep the work, and whoever starts next declares it.
        mend = f"rabbitmqctl delete_queue {name}"
        return failed(name, "was declared with other arguments", mend=mend)
    if not state.consumers:
        message = f"{state.depth} waiting, nobody consumes"
        return warned(name, message, mend=worker_command(name))
    return passed(name, f"{state.depth} waiting, {state.consumers} consumers")


def worker_command(queue: str) -> str:
    """Return what to type to have the queue consumed."""
    if queue == FAILED_QUEUE:
        return manage_command("consume_failed")
    return python_command("-m", "celery", "-A", "config", "worker", "-Q", queue)


def _ask_about(queue: Queue) -> QueueState:
    with open_connection() as connection:
        try:
            channel: Any = connection.default_channel  # py-amqp's; kombu's hints know less
            known = channel.queue_declare(queue.name, passive=True)
        except NotFound:
            return QueueState()
        fits = _is_equivalent(connection, queue)
        return QueueState(True, fits, known.message_count, known.consumer_count)


def _is_equivalent(connection: Connection, queue: Queue) -> bool:
    """A passive declaration ignores arguments; an active one of a queue that exists compares."""
    try:
        queue(connection.channel()).queue_declare()
    except PreconditionFailed:
        return False
    return True
