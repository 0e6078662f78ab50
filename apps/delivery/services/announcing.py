"""Telling the status worker whose outcome is recorded, beside the work.

The broker's confirm takes as long as ten mails. A thread of its own waits for it, and what is
recorded meanwhile goes together into the next message.
"""

import threading
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from notifier.broker import BrokerUnavailable, publish_ids
from notifier.topology import MAX_IDS_PER_MESSAGE, REFRESH_STATUS

log = structlog.get_logger(__name__)
# What a broker that is away or slow leaves behind is forgotten: they are only hints.
MOST_WAITING: Final = 10_000
FLUSH_SECONDS: Final = 2.0


class Announcer:
    """Publishes ids in the order in which they were recorded; safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[UUID] = []
        self._rung = threading.Event()
        self._is_done = threading.Event()
        self._is_done.set()
        self._thread: threading.Thread | None = None  # not before a worker's children are forked

    def announce(self, ids: Sequence[UUID]) -> None:
        """See to it that these are hinted at; returns at once and never fails."""
        if not ids:
            return
        with self._lock:
            self._waiting += ids
            del self._waiting[:-MOST_WAITING]
            self._is_done.clear()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._keep_on, name="announcer", daemon=True
                )
                self._thread.start()
        self._rung.set()

    def flush(self, *, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until all is published or given up, at most so long; return whether it is."""
        return self._is_done.wait(seconds)

    def _keep_on(self) -> None:
        while self._rung.wait():
            self._rung.clear()
            while ids := self._take():
                self._publish(ids)

    def _take(self) -> list[UUID]:
        with self._lock:
            taken = self._waiting[:MAX_IDS_PER_MESSAGE]
            del self._waiting[:MAX_IDS_PER_MESSAGE]
            if not taken:
                self._is_done.set()
        return taken

    def _publish(self, ids: Sequence[UUID]) -> None:
        try:
            publish_ids(REFRESH_STATUS, list(ids), kind="status")
        except BrokerUnavailable:
            log.info("hints_left_to_the_sweep", count=len(ids))
        except Exception:
            # A thread that ended of a bug would hint at nothing any more.
            log.exception("hints_not_published", count=len(ids))


announcer: Final = Announcer()
