"""Times our own steps on a ledger, one connection, warm: part of `growth_process`."""

import itertools
import time
import uuid
from collections.abc import Callable, Sequence
from random import SystemRandom
from statistics import median
from typing import TypeVar

import msgspec

from apps.notifications.models import Notification
from apps.notifications.models.transitions import claim, take_due
from apps.notifications.relay import sweep
from apps.notifications.services.accepting import accept_notification
from apps.notifications.services.orders import NotificationOrder
from apps.notifications.services.status import read_status
from apps.users.services import authenticate_key
from bench.growing import build_request_id
from bench.product import build_mail_order
from notifier.authentication import Principal

ROWS_PER_TURN = 10
LEASE_SECONDS = 60.0
T = TypeVar("T")


class GrowthProbe:
    """Takes turns on the ledger and remembers what each step took."""

    def __init__(
        self, *, principal: Principal, user_id: str, old_ids: Sequence[uuid.UUID]
    ) -> None:
        self._principal = principal
        self._user_id = user_id
        self._old_ids = itertools.cycle(old_ids)
        self._seconds: dict[str, list[float]] = {}

    def take_turns(self, count: int) -> dict[str, float]:
        """Return the median of each step in milliseconds; as many turns again / 10 warm up."""
        for _ in range(count // 10 + 1):
            self._take_turn()
        self._seconds.clear()
        for _ in range(count):
            self._take_turn()
        return {f"{name}_ms": 1000 * median(each) for name, each in self._seconds.items()}

    def _take_turn(self) -> None:
        """Accept some, look one up, relay and claim them, sweep."""
        for _ in range(ROWS_PER_TURN):
            self._accept()
        old = next(self._old_ids)
        self._time("status", lambda: read_status(notification_id=old, principal=self._principal))
        due = self._time("relay", lambda: take_due(channel="email", limit=ROWS_PER_TURN))
        ids = [row.id for row in due]
        self._time("claim", lambda: claim(ids, lease_seconds=LEASE_SECONDS))
        self._time("sweep", sweep)

    def _accept(self) -> None:
        mark = f"probe-{uuid.uuid4()}"
        body = build_mail_order(mark=mark, user_id=self._user_id, request_id=mark)
        order = msgspec.convert(body, NotificationOrder)
        self._time("accept", lambda: accept_notification(order=order, principal=self._principal))

    def _time(self, name: str, step: Callable[[], T]) -> T:
        begun_at = time.perf_counter()
        result = step()
        self._seconds.setdefault(name, []).append(time.perf_counter() - begun_at)
        return result


def probe_ledger(*, key: str, user_id: str, turns: int, rows: int) -> dict[str, float]:
    """Return the medians of so many turns by the program with this key, for this user."""
    probe = GrowthProbe(
        principal=authenticate_key(key),
        user_id=user_id,
        old_ids=_choose_old_ids(rows=rows, count=2 * turns),  # each once: none is in the cache
    )
    return probe.take_turns(turns)


def _choose_old_ids(*, rows: int, count: int) -> list[uuid.UUID]:
    numbers = SystemRandom().sample(range(1, rows + 1), min(rows, count))
    chosen = [build_request_id(number) for number in numbers]
    return list(Notification.objects.filter(request_id__in=chosen).values_list("pk", flat=True))
