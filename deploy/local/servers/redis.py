"""A private Redis."""

from pathlib import Path
from typing import ClassVar

import redis

from deploy.local.errors import CannotRun
from deploy.local.packages import find_redis
from deploy.local.private_server import PrivateServer


class Redis(PrivateServer):
    """Redis as a cache: nothing is written to disk, a restart begins empty."""

    title: ClassVar[str] = "Redis"
    start_limit: ClassVar[float] = 15

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def build_command(self) -> list[str | Path]:
        program = find_redis()
        if program is None:
            raise CannotRun("Redis is not installed")
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return [program, "--port", str(self.port), *options, "--dir", self.folder]

    def answers(self) -> bool:
        with redis.Redis(port=self.port, host="127.0.0.1", socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
