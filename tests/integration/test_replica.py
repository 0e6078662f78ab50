"""Lists and statistics are read from a replica while it keeps up, and nothing depends on it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from deploy.local.servers import Postgres, Redis
from deploy.local.servers.postgres import OWNER
from tests.security.live_web import LiveWeb

ORDER = {"notification_type": "email", "content": {"subject": "Hello", "text": "There"}}


class Standby(Postgres):
    """A streaming replica of another private PostgreSQL."""

    def __init__(self, folder: Path, *, primary: Postgres) -> None:
        super().__init__(folder, durable=False)
        self._primary = primary

    def _initialise(self, home: Path) -> None:
        programs = Path(self.build_command()[0]).parent
        source = ["-h", "127.0.0.1", "-p", str(self._primary.port), "-U", OWNER]
        copy: list[str | Path] = [
            programs / "pg_basebackup",
            *source,
            "-D",
            home / "data",
            "-R",
            "-c",
            "fast",
        ]
        user = self.choose_user()
        subprocess.run(  # noqa: S603  # constant program, no shell
            copy, cwd=home, user=user, group=user, extra_groups=[] if user else None, check=True
        )

    def ask(self, statement: str) -> Any:
        with psycopg.connect(self.build_url("postgres"), autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
            return row[0] if row else None


class WebWithReplica(LiveWeb):
    """The web, told of a replica of its own database."""

    replica: Postgres

    def build_environment(self) -> dict[str, str]:
        return super().build_environment() | {
            "DATABASE_REPLICA_URL": self.replica.build_url(f"security_{self.folder.name}")
        }

    def post_mail(self, key: str, number: int) -> str:
        order = {**ORDER, "to": {"email": f"reader{number}@example.org"}}
        accepted = self.ask("POST", "/notifications", key=key, body=order)
        return str(accepted["notification_id"])

    def list_ids(self, key: str) -> set[str]:
        return {row["id"] for row in self.ask("GET", "/notifications", key=key)}


@pytest.fixture(scope="module")
def standby(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    server = Standby(tmp_path_factory.mktemp("standby"), primary=postgres)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def web(
    postgres: Postgres, redis: Redis, standby: Standby, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebWithReplica]:
    process = WebWithReplica(tmp_path_factory.mktemp("replicated"), postgres=postgres, redis=redis)
    process.replica = standby
    process.start()
    yield process
    process.stop()


def test_lists_come_from_the_replica_and_from_the_primary_when_it_falls_behind_or_dies(
    web: WebWithReplica, standby: Standby
) -> None:
    key = web.make_key()
    first = web.post_mail(key, 1)
    wait_until(lambda: first in web.list_ids(key), seconds=10)

    standby.ask("SELECT pg_wal_replay_pause()")
    second = web.post_mail(key, 2)
    assert web.list_ids(key) == {first}  # a moment late, as a replica is
    assert web.ask("GET", f"/notifications/{second}", key=key)["id"] == second
    assert _find_state(web) == "ok"

    wait_until(lambda: web.list_ids(key) == {first, second}, seconds=20)  # too late: the primary
    assert "behind the primary" in _find_state(web)

    standby.ask("SELECT pg_wal_replay_resume()")
    wait_until(lambda: _find_state(web) == "ok", seconds=10)
    standby.stop()
    assert web.list_ids(key) == {first, second}
    assert requests.get(f"{web.url}/ready", timeout=5).status_code == 200
    assert web.ask("GET", "/stats", key=key)["per_hour"]


def _find_state(web: WebWithReplica) -> str:
    return str(requests.get(f"{web.url}/health", timeout=5).json()["data"]["checks"]["replica"])


def wait_until(reached: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until, "not reached in time"
        time.sleep(0.2)
