"""`manage.py consume_failed`: stores what arrives in `failed.queue`."""

import signal
import threading
from typing import Any

import structlog
from celery import current_app
from django.core.management.base import BaseCommand

from apps.delivery.management.failed_queue import run_consumer

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Store what no worker could handle, until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        log.info("dead_letter_consumer_started")
        with current_app.connection_for_read() as connection:
            run_consumer(connection, stop)
        log.info("dead_letter_consumer_stopped")
