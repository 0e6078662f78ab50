"""`manage.py relay`: publishes what is due, and sweeps. Any number may run."""

import signal
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand

from apps.notifications.relay import Relay
from notifier.garbage import spare_loaded
from notifier.metrics_server import serve_metrics
from notifier.prepared import commit_without_waiting, keep_to_indexes

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Publish what is due and put back what got stuck, until stopped."
    requires_system_checks: list[str] = []  # needs only the database to start

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        keep_to_indexes()
        commit_without_waiting()
        serve_metrics()
        spare_loaded()
        log.info("relay_started")
        Relay().run(stop)
        log.info("relay_stopped")
