"""The simulator's other side: receipts that come a little later, and trouble made on purpose."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connections

from apps.delivery.providers.capture import Store
from apps.delivery.providers.contract import Channel, EmailMessage, PushMessage
from apps.delivery.providers.simulator import (
    TROUBLES,
    Behaviour,
    SimulatedReceipt,
    SimulatingProvider,
)
from apps.notifications.services.receipts import ReportedEvent, store_receipts
from notifier.configuration import DEVELOPMENT
from notifier.faults import DATABASE_AWAY

log = structlog.get_logger(__name__)
SOURCE: Final = "simulator"
# By then the outcome of the call is recorded, as it is when a provider's webhook arrives.
REPORT_AFTER_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """The trouble that a provider is in `until` then (seconds since the epoch)."""

    provider: str
    mode: str
    until: float


def is_playground() -> bool:
    """Is this the one-process installation of `make up`, where trouble may be made?"""
    return bool(settings.IS_EMBEDDED and settings.NOTIFIER_ENV == DEVELOPMENT)


def build_simulator(*, name: str, channel: Channel, store: Store) -> SimulatingProvider:
    """Return the provider of test keys and, in the playground, of capture://."""
    if not is_playground():
        return SimulatingProvider(name=name, channel=channel, store=store, report=_reports.post)
    return SimulatingProvider(
        name=name,
        channel=channel,
        store=store,
        report=_reports.post,
        slow_every_seconds=0,
        find_trouble=partial(_find_trouble, name),
    )


def begin_chaos(chaos: Chaos) -> None:
    """Have a provider of this playground behave like that until its time is over."""
    path = _chaos_file()
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(chaos)))
    unfinished.replace(path)


def end_chaos() -> None:
    """Have every provider behave again; harmless where none misbehaved."""
    _chaos_file().unlink(missing_ok=True)


def find_chaos(*, now: float) -> Chaos | None:
    """Return the trouble that there is now; it is asked for at each call of a provider."""
    try:
        chaos = Chaos(**json.loads(_chaos_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None  # none, or none that a process of this version wrote
    return chaos if now < chaos.until else None


def _find_trouble(provider: str) -> Behaviour | None:
    chaos = find_chaos(now=time.time())
    return TROUBLES.get(chaos.mode) if chaos and chaos.provider == provider else None


def _chaos_file() -> Path:
    return Path(settings.VAR_DIR) / "chaos.json"


class _Reports:
    """Receipts on their way; one thread of this process, begun with the first, delivers them.

    Those of a process that ends are lost, as a webhook may be: the notification stays `sent`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: SimpleQueue[list[ReportedEvent]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def post(
        self, message: EmailMessage | PushMessage, receipts: Sequence[SimulatedReceipt]
    ) -> None:
        self._waiting.put([_describe_event(message, receipt) for receipt in receipts])
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            others = self._waiting.qsize()  # those that come later wait as long
            time.sleep(REPORT_AFTER_SECONDS)
            events = [*first, *(each for _ in range(others) for each in self._waiting.get())]
            try:
                store_receipts(events=events)
            except DATABASE_AWAY:
                log.warning("simulated_receipts_lost", count=len(events))
            finally:
                connections.close_all()


def _describe_event(
    message: EmailMessage | PushMessage, receipt: SimulatedReceipt
) -> ReportedEvent:
    attempt = f"{message.notification_id}-{message.attempt}"
    return ReportedEvent(
        notification_id=UUID(message.notification_id),
        source=SOURCE,
        event_id=f"{attempt}-{receipt.kind}",
        kind=receipt.kind,
        error_code=receipt.error_code,
        error=receipt.error,
    )


_reports = _Reports()
