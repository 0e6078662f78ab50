"""Reads that may be a little late: from a replica of the database, as long as it keeps up.

Lists and statistics may lag; whatever decides something, or answers for one notification, asks
the primary. `DATABASE_REPLICA_URL` names a streaming replica; without one every read is the
primary's.
"""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import structlog
from django.db import DatabaseError, connections
from django.db.utils import InterfaceError, OperationalError

log = structlog.get_logger(__name__)

PRIMARY: Final = "default"
REPLICA: Final = "replica"
# A replica further behind is not asked until it has caught up. One whose network fell silent
# learns only after its wal_receiver_timeout (60 s by default) that it is behind.
MAX_LAG_SECONDS: Final = 10.0
CHECK_SECONDS: Final = 2.0
# A primary (after a failover) is never late. A replica without a receiver no longer follows;
# one that has replayed all that it received is not late, however long ago that was.
_LAG: Final = """
    SELECT CASE
      WHEN NOT pg_is_in_recovery() THEN 0
      WHEN NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver) THEN NULL
      WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
      ELSE EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END
"""
P = ParamSpec("P")
R = TypeVar("R")

_chosen: ContextVar[str] = ContextVar("database_of_reads", default=PRIMARY)


class ReplicaRouter:
    """Sends reads to the replica inside of what `may_lag` marks, and all else to the primary."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return _chosen.get()

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return PRIMARY  # also for what was read from the replica

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True  # both hold the same rows

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == PRIMARY


def may_lag(reading: Callable[P, R]) -> Callable[P, R]:
    """Run a function that only reads, and returns no lazy queryset, on the replica.

    It runs on the primary when there is no replica, or when that is away, does not follow or is
    more than MAX_LAG_SECONDS behind; and once more there when the replica fails under it.
    """

    @wraps(reading)
    def read(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _standing.is_usable():
            return reading(*args, **kwargs)
        token = _chosen.set(REPLICA)
        try:
            return reading(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            _standing.distrust(error)
        finally:
            _chosen.reset(token)
        return reading(*args, **kwargs)

    return read


def measure_lag() -> float | None:
    """Return how many seconds the replica is behind, None if it does not follow the primary.

    Raises DatabaseError when it does not answer.
    """
    with connections[REPLICA].cursor() as cursor:
        cursor.execute(_LAG)
        (lag,) = cursor.fetchone()
    return None if lag is None else float(lag)


class _Standing:
    """Whether the replica may be asked, looked at every CHECK_SECONDS by each process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checked_at = float("-inf")
        self._usable = False

    def is_usable(self) -> bool:
        if REPLICA not in connections.settings:
            return False
        with self._lock:
            is_due = time.monotonic() - self._checked_at >= CHECK_SECONDS
            if is_due:
                self._checked_at = time.monotonic()
        if is_due:  # the others go on with what was found before
            self._look()
        return self._usable

    def distrust(self, error: Exception) -> None:
        """Leave the replica alone until the next look finds it well."""
        self._change(usable=False, why=type(error).__name__)

    def _look(self) -> None:
        try:
            lag = measure_lag()
        except DatabaseError as error:
            connections[REPLICA].close()
            self.distrust(error)
        else:
            why = "not following" if lag is None else f"{lag:.0f} s late"
            self._change(usable=lag is not None and lag <= MAX_LAG_SECONDS, why=why)

    def _change(self, *, usable: bool, why: str) -> None:
        was, self._usable = self._usable, usable
        if was and not usable:
            log.warning("replica_left", reason=why)
        elif usable and not was:
            log.info("replica_used")


_standing = _Standing()
