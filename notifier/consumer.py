"""Celery's consumer made safe: no message is lost or stops a worker because it makes no sense.

The stock consumer acknowledges (drops) a body that it cannot decode, and its process ends on a
body of the wrong shape. Here both are rejected, and the broker moves them to `failed.queue`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog
from celery import bootsteps
from celery.concurrency import solo
from celery.worker.consumer import Consumer

from notifier.broker import RECONNECT_PAUSES, declare_topology
from notifier.tls_failure import describe_failure, explain_tls_failure

log = structlog.get_logger(__name__)
# What Flower is told of tasks may be so old.
EVENTS_SECONDS: Final = 0.25


class TopologyStep(bootsteps.StartStopStep):
    """Declares every queue before the first message: a dead letter needs its queue to exist."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, parent: Any) -> None:
        with parent.app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=3, interval_start=0.2, interval_step=0.5)
            declare_topology(connection)


def _keep_connecting(
    connect: Callable[..., Any], errback: Callable[..., Any], *args: Any, **options: Any
) -> Any:
    """Connect with pauses of our own, telling what an operator must mend."""

    def tell(error: Exception, interval: float) -> Any:
        if explain_tls_failure(error):
            log.warning("broker_unreachable", **describe_failure(error, setting="BROKER_URL"))
        return errback(error, interval)

    return connect(tell, *args, **RECONNECT_PAUSES, **options)


class SafeConsumer(Consumer):
    """Dead-letters what it cannot understand and carries on."""

    hub: Any  # the stubs lack both
    _flush_events: Any
    _events_due_at = float("-inf")

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc,valid-type]  # typed as a variable
        # Native delayed delivery would declare 28 more quorum queues, and does not serve a
        # direct exchange; nothing here uses an ETA for a notification.
        default_steps = [
            step
            for step in Consumer.Blueprint.default_steps
            if not step.endswith(":DelayedDelivery")
        ]

    def ensure_connected(self, conn: Any) -> Any:
        """Wait for the broker with pauses of our own; Celery has no setting for them."""
        conn.ensure_connection = partial(_keep_connecting, conn.ensure_connection)
        return super().ensure_connected(conn)

    def connection_for_write(self, url: str | None = None, heartbeat: float | None = None) -> Any:
        """Connect for what Flower is told of tasks: nothing waits until the broker confirms it."""
        unconfirmed = {"confirm_publish": False}
        return self.ensure_connected(
            self.app.connection_for_write(
                url=url, heartbeat=heartbeat, transport_options=unconfirmed
            )
        )

    def on_send_event_buffered(self) -> None:  # type: ignore[override]  # wrong in the stubs
        """Tell Flower of several tasks at once, a moment later.

        Celery tells of each message three times, and the first time before it hands it to a child.
        """
        now = time.monotonic()
        if self.hub and now >= self._events_due_at:
            self._events_due_at = now + EVENTS_SECONDS
            self.hub.call_later(EVENTS_SECONDS, self._flush_events)

    def call_soon_ack(self, p: Any, *args: Any, **kwargs: Any) -> Any:
        """Acknowledge at once in a solo worker.

        Celery leaves it to the event loop's next round, which may sleep two seconds before it
        while the broker, at its prefetch limit, waits for just this acknowledgement.
        """
        if isinstance(self.pool, solo.TaskPool):
            return p(*args, **kwargs)
        return super().call_soon_ack(p, *args, **kwargs)  # type: ignore[misc]  # not in the stubs

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._dead_letter(message, exc)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        handle = super().create_task_handler(*args, **kwargs)
        connection_trouble = self._connection_errors()

        def on_message(message: Any) -> Any:
            try:
                return handle(message)
            except connection_trouble:
                raise
            except Exception as error:  # noqa: BLE001  # whatever a foreign message provokes is recorded with it
                return self._dead_letter(message, error)

        return on_message

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._dead_letter(message, ValueError("not a task message"))

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._dead_letter(message, exc)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._dead_letter(message, exc)

    def _dead_letter(self, message: Any, error: Exception) -> None:
        log.error("message_dead_lettered", error=type(error).__name__)
        if not message.acknowledged:
            message.reject_log_error(log, self._connection_errors())

    def _connection_errors(self) -> tuple[type[Exception], ...]:
        return (*self.connection_errors, *self.channel_errors, MemoryError)  # type: ignore[attr-defined]  # not in the stubs
