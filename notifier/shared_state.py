"""Small state that all processes share, in Redis, through Lua scripts; and word of its absence."""

import threading
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from notifier.tls_failure import describe_failure

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 0.3
# A Redis that hangs costs its timeout once in so long, not at every call.
LEFT_ALONE_SECONDS: Final = 2.0


class SharedStateAway(Exception):
    """Redis does not answer: whoever asks goes on with what its own process knows."""


class SharedState:
    """Runs scripts on one Redis; safe in threads and after a fork.

    Says once that Redis is away, and once that it is back.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._scripts: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._left_alone_until = 0.0
        self._is_away = False

    def run(self, script: str, *, key: str, arguments: Sequence[Any] = ()) -> Any:
        """Run a script on one key and return its answer; raise SharedStateAway.

        The scripts use Redis' own clock: those of the machines may differ.
        """
        return self.run_on(script, [key], arguments)

    def run_on(self, script: str, keys: Sequence[str], arguments: Sequence[Any] = ()) -> Any:
        """As `run`, for a script that takes several keys."""
        if time.monotonic() < self._left_alone_until:
            raise SharedStateAway
        try:
            found = self._script(script)(keys=list(keys), args=list(arguments))
        except RedisError as error:
            self._note_absence(error)
            raise SharedStateAway from error
        self._note_presence()
        return found

    def _script(self, text: str) -> Any:
        if text not in self._scripts:
            self._scripts[text] = self._redis.register_script(text)
        return self._scripts[text]

    def _note_absence(self, error: RedisError) -> None:
        with self._lock:
            self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
            is_news, self._is_away = not self._is_away, True
        if is_news:
            told = describe_failure(error, setting="CACHE_URL")
            log.warning("shared_state_away_using_local", **told)

    def _note_presence(self) -> None:
        if not self._is_away:
            return
        with self._lock:
            is_news, self._is_away = self._is_away, False
        if is_news:
            log.info("shared_state_back")


@cache
def open_shared_state(url: str) -> SharedState | None:
    """Return this process's state on the Redis at `url`; None where there is no Redis."""
    return SharedState(url) if url else None
