"""`manage.py consume_failed`: stores what arrives in `failed.queue`."""

import signal
import threading
from typing import Any

import structlog
from celery import current_app
from django.core.management.base import BaseCommand

from apps.delivery.management.failed_queue import run_consumer
from notifier.metrics_server import serve_metrics

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Store what no worker could handle, until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        serve_metrics()
        log.info("dead_letter_consumer_started")
        with current_app.connection_for_read() as connection:
            run_consumer(connection, threading.Event())


def _end(*_: object) -> None:
    """End at once, also while waiting for a broker: a message is acknowledged after its commit."""
    log.info("dead_letter_consumer_stopped")
    raise SystemExit(0)
