"""The Redis cache as the promise needs it: Redis away costs speed, never an answer."""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

from notifier.tls_failure import describe_failure

log = structlog.get_logger(__name__)
Result = TypeVar("Result")


class KeepingClient(RedisCacheClient):
    """Django's, which makes a client for each call: as much work as the call."""

    _kept: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        if self._kept is None:
            self._kept = super().get_client(key, write=True)  # there is one server
        return self._kept


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache; a fault of Redis reads as a miss and drops a write, and is logged."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = KeepingClient

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._forgive(
            lambda: super(ForgivingRedisCache, self).get(key, default, version), default
        )

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        return self._forgive(lambda: super(ForgivingRedisCache, self).get_many(keys, version), {})

    def set(self, key: Any, value: Any, timeout: Any = 300, version: int | None = None) -> None:
        self._forgive(
            lambda: super(ForgivingRedisCache, self).set(key, value, timeout, version), None
        )

    def set_many(
        self, data: dict[Any, Any], timeout: Any = 300, version: int | None = None
    ) -> list[Any]:
        return self._forgive(
            lambda: super(ForgivingRedisCache, self).set_many(data, timeout, version), list(data)
        )

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._forgive(lambda: super(ForgivingRedisCache, self).delete(key, version), False)

    def _forgive(self, operation: Callable[[], Result], otherwise: Result) -> Result:
        try:
            return operation()
        except RedisError as error:
            log.warning("cache_unavailable", **describe_failure(error, setting="CACHE_URL"))
            return otherwise
