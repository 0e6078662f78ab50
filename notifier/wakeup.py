"""How an accept tells the relay that there is work.

NOTIFY on PostgreSQL, an event inside one process. A lost wake-up costs at most the relay's
polling interval.
"""

import os
import threading
import time
from contextlib import suppress
from typing import Final, Protocol

import psycopg
from django.db import connection

from notifier.sql import CHANNEL_OF_WAKEUPS, is_postgresql

# Under load one wake-up serves all that was stored meanwhile; the relay lingers longer than that.
PAUSE_SECONDS: Final = 0.01
# Somebody who comes after so long is alone.
QUIET_SECONDS: Final = 0.02

_work_stored = threading.Event()


def wake_relay() -> None:
    """Tell every relay that rows may be due; inside a transaction it takes effect at commit."""
    if is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL_OF_WAKEUPS])
    else:
        _work_stored.set()


class Bell:
    """Wakes the relay from a thread of its own, for statements that commit by themselves.

    A NOTIFY in their transaction would hold a lock of the whole database until the commit is on
    the disc: of all that is accepted at once, each would wait for the other's disc.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung = threading.Event()
        self._process = 0
        self._stored_at = float("-inf")
        self._raw: psycopg.Connection | None = None

    def ring(self) -> None:
        """See to it that a NOTIFY is sent after this; returns at once and never fails."""
        if self._process != os.getpid():
            self._begin()
        self._rung.set()

    def is_quiet(self) -> bool:
        """Has nothing been stored for a while? Then a statement had better wake the relay."""
        return time.monotonic() - self._stored_at > QUIET_SECONDS

    def note_stored(self) -> None:
        """A statement that stores has ended; it may have woken the relay itself."""
        self._stored_at = time.monotonic()

    def close(self) -> None:
        """Let go of the connection; the next ring opens another."""
        with self._lock:
            self._hang_up()

    def _begin(self) -> None:
        with self._lock:
            if self._process != os.getpid():  # a child has none of its parent's threads
                self._raw = None
                self._process = os.getpid()
                threading.Thread(target=self._keep_ringing, name="bell", daemon=True).start()

    def _keep_ringing(self) -> None:
        while self._rung.wait():
            self._rung.clear()
            with self._lock:
                try:
                    self._notify()
                except psycopg.Error:
                    self._hang_up()  # the relay looks by itself every second
            time.sleep(PAUSE_SECONDS)

    def _notify(self) -> None:
        if self._raw is None or self._raw.closed:
            self._raw = _connect()
        self._raw.execute(f"NOTIFY {CHANNEL_OF_WAKEUPS}")

    def _hang_up(self) -> None:
        if self._raw is not None:
            with suppress(psycopg.Error):
                self._raw.close()
            self._raw = None


bell: Final = Bell()


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
            self._listener = _connect()
            self._listener.execute(f"LISTEN {CHANNEL_OF_WAKEUPS}")
        return self._listener


def _connect() -> psycopg.Connection:
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    return psycopg.connect(**parameters, autocommit=True)


def open_alarm() -> Alarm:
    """Return what the relay waits on, as the database allows."""
    return NotifyAlarm() if is_postgresql() else EventAlarm()
