"""The dead-letter consumer: reads `failed.queue` and stores what arrives, then acknowledges."""

import json
import threading
import time
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings
from django.db import close_old_connections
from kombu import Connection, Consumer, Message
from kombu.mixins import ConsumerMixin

from apps.delivery.services.dead_letters import sort_dead_letter
from notifier.broker import RECONNECT_PAUSES, declare_topology
from notifier.faults import DATABASE_AWAY
from notifier.tls_failure import describe_failure
from notifier.topology import failed_queue

log = structlog.get_logger(__name__)
DATABASE_PAUSE_SECONDS = 1.0


class FailedQueueConsumer(ConsumerMixin):
    """Runs until `should_stop`; survives the broker and the database being away."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.prefetch_count = 10

    @contextmanager
    def establish_connection(self) -> Any:  # type: ignore[override]  # the stubs forget the context
        with self.create_connection() as connection:
            connection.ensure_connection(self.on_connection_error, **RECONNECT_PAUSES)
            yield connection

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        told = describe_failure(exc, setting="BROKER_URL")
        log.warning("broker_unreachable", **told, again_in_seconds=interval)

    def get_consumers(self, Consumer: Any, channel: Any) -> list[Consumer]:  # noqa: N803  # kombu's interface
        declare_topology(channel.connection.client)
        queue = failed_queue(settings.RABBITMQ_QUEUE_TYPE)
        return [
            Consumer(
                queues=[queue],
                on_message=self.on_message,
                prefetch_count=self.prefetch_count,
                accept=None,
            )
        ]

    def on_message(self, message: Message) -> None:
        """Store, then acknowledge: a message leaves the queue only after the commit."""
        close_old_connections()
        body = as_bytes(message.body)
        try:
            sort_dead_letter(
                headers=message.headers or {},
                content_type=str(message.content_type or ""),
                body=body,
                ids=named_ids(body),
            )
        except DATABASE_AWAY:
            log.warning("dead_letter_waits_for_database")
            time.sleep(DATABASE_PAUSE_SECONDS)
            message.requeue()
        else:
            message.ack()


def run_consumer(connection: Connection, stop: threading.Event) -> None:
    """Consume until `stop` is set."""
    consumer = FailedQueueConsumer(connection)

    def watch() -> None:
        stop.wait()
        consumer.should_stop = True

    threading.Thread(target=watch, name="stop-watch", daemon=True).start()
    consumer.run()


def as_bytes(body: Any) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    return str(body).encode("utf-8", "surrogateescape")


def named_ids(body: bytes) -> list[str]:
    """Return the notification ids that a task message of ours names, none for anything else."""
    try:
        _, arguments, _ = json.loads(body)
        ids = arguments.get("notification_ids") or [arguments["notification_id"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []
    return [str(each) for each in ids] if isinstance(ids, list) else []
