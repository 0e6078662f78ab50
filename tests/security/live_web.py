"""A real web process on PostgreSQL: one organization, a key for everything, and one of each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import requests

from deploy.local.private_server import PrivateServer
from deploy.local.roles import build_roles
from deploy.local.servers import Postgres, Redis

PROJECT = Path(__file__).parents[2]
SCOPES = "send,read,templates,users,status,admin"
# Fuzzers ask thousands of times a minute; what limits them has tests of its own.
GENEROUS = dict.fromkeys(
    ("RATE_LIMIT_ANON", "RATE_LIMIT_USER", "RATE_LIMIT_KEY", "RATE_LIMIT_LOGIN"), "1000000/15m"
)


class LiveWeb(PrivateServer):
    """Granian as the image starts it, in a database of its own."""

    title: ClassVar[str] = "web"
    start_limit: ClassVar[float] = 30
    stop_limit: ClassVar[float] = 5

    def __init__(self, folder: Path, *, postgres: Postgres, redis: Redis) -> None:
        super().__init__(folder)
        self._database = f"security_{folder.name}"
        self._postgres = postgres
        self._redis = redis

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def build_environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **GENEROUS,
            "PYTHONPATH": str(PROJECT),
            "DATABASE_URL": self._postgres.build_url(self._database),
            "CACHE_URL": self._redis.url,
            "NOTIFIER_VAR_DIR": str(self.folder),
            "PORT": str(self.port),
            "WEB_WORKERS": "1",  # whose metrics know every answer
        }

    def build_command(self) -> list[str | Path]:
        web, *_ = build_roles(environment=self.build_environment(), var=self.folder)
        return list(web.command)

    def prepare(self) -> None:
        self._postgres.create_database(self._database)
        self.manage("migrate", "--noinput", "-v", "0")

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/live", timeout=1).ok
        except requests.RequestException:
            return False

    def manage(self, *arguments: str) -> str:
        """Run a management command as an operator would and return what it printed."""
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.build_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def make_key(self) -> str:
        """Return the secret of a key that may do everything, in the default organization."""
        self.manage("create_organization", "--slug", "default", "--name", "Default")
        created = self.manage("create_api_key", "--name", "fuzz", "--scopes", SCOPES, "--json")
        return str(json.loads(created)["key"])

    def ask(self, method: str, path: str, *, key: str, body: Any = None) -> Any:
        """Return the data of an answer that must be a success."""
        answer = requests.request(
            method, f"{self.url}/api/v1{path}", headers={"X-API-Key": key}, json=body, timeout=10
        )
        assert answer.ok, answer.text
        return answer.json()["data"]
