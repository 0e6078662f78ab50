"""Celery's consumer made safe: no message is lost or stops a worker because it makes no sense.

The stock consumer acknowledges (drops) a body that it cannot decode, and its process ends on a
body of the wrong shape. Here both are rejected, and the broker moves them to `failed.queue`.
"""

from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps
from celery.worker.consumer import Consumer

from notifier.broker import declare_topology

log = structlog.get_logger(__name__)


class TopologyStep(bootsteps.StartStopStep):
    """Declares every queue before the first message: a dead letter needs its queue to exist."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, parent: Any) -> None:
        with parent.app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=3, interval_start=0.2, interval_step=0.5)
            declare_topology(connection)


class SafeConsumer(Consumer):
    """Dead-letters what it cannot understand and carries on."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc,valid-type]  # typed as a variable
        # Native delayed delivery would declare 28 more quorum queues, and does not serve a
        # direct exchange; nothing here uses an ETA for a notification.
        default_steps = [
            step
            for step in Consumer.Blueprint.default_steps
            if not step.endswith(":DelayedDelivery")
        ]

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
