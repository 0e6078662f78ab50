"""How an accept tells the relay that there is work.

NOTIFY on PostgreSQL, an event inside one process. A lost wake-up costs at most the relay's
polling interval.
"""

import threading
import time
from typing import Protocol

import psycopg
from django.db import connection

from notifier.sql import CHANNEL_OF_WAKEUPS, is_postgresql

_work_stored = threading.Event()


def wake_relay() -> None:
    """Tell every relay that rows may be due; inside a transaction it takes effect at commit."""
    if is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL_OF_WAKEUPS])
    else:
        _work_stored.set()


class Alarm(Protocol):
    def wait(self, timeout: float) -> None: ...

    def close(self) -> None: ...


class EventAlarm:
    """Waits for accepts of the same process (SQLite)."""

    def wait(self, timeout: float) -> None:
        _work_stored.wait(timeout)
        _work_stored.clear()

    def close(self) -> None:
        _work_stored.set()


class NotifyAlarm:
    """Waits on a LISTEN connection of its own; without one it sleeps, and tries again."""

    def __init__(self) -> None:
        self._listener: psycopg.Connection | None = None

    def wait(self, timeout: float) -> None:
        try:
            listener = self._connected()
            for _ in listener.notifies(timeout=timeout, stop_after=1):
                pass
        except psycopg.OperationalError:
            self.close()
            time.sleep(timeout)

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _connected(self) -> psycopg.Connection:
        if self._listener is None or self._listener.closed:
            parameters = connection.get_connection_params()
            parameters.pop("cursor_factory", None)
            parameters.pop("context", None)
            self._listener = psycopg.connect(**parameters, autocommit=True)
            self._listener.execute(f"LISTEN {CHANNEL_OF_WAKEUPS}")
        return self._listener


def open_alarm() -> Alarm:
    """Return what the relay waits on, as the database allows."""
    return NotifyAlarm() if is_postgresql() else EventAlarm()
