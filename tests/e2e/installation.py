"""A whole installation as a user runs it: every role a process, providers outside of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests

from deploy.local.ports import pick_free_port
from deploy.local.role_process import RoleProcess
from deploy.local.roles import build_roles
from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.integration.provider_subjects import write_service_account
from tests.standins.processes import FcmService, SmtpSink

PROJECT = Path(__file__).parents[2]
SCOPES = "send,read,templates,users,status,admin"
FINAL = {"sent", "delivered", "bounced", "failed", "skipped", "cancelled", "expired"}


@dataclass(kw_only=True)
class Installation:
    """Servers, stand-ins and roles; `start` brings up what a test needs."""

    folder: Path
    postgres: Postgres
    rabbitmq: RabbitMQ
    redis: Redis
    sink: SmtpSink
    fcm: FcmService
    settings: Mapping[str, str] = field(default_factory=dict)
    roles: dict[str, RoleProcess] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    port: int = 0
    key: str = ""

    def environment(self) -> dict[str, str]:
        account = self.folder / "service-account.json"
        if not account.exists():
            write_service_account(account)
        return {
            **os.environ,
            "DATABASE_URL": self.postgres.build_url(f"e2e_{self.folder.name}"),
            "BROKER_URL": self.rabbitmq.url,
            "CACHE_URL": self.redis.url,
            "NOTIFIER_VAR_DIR": str(self.folder),
            "EMAIL_PROVIDERS": f"smtp://127.0.0.1:{self.sink.port}",
            "PUSH_PROVIDERS": f"fcm://{account}?endpoint={self.fcm.url}",
            "PORT": str(self.port),
            "FLOWER_PORT": str(pick_free_port()),
            "FLOWER_BASIC_AUTH": "admin:for-tests-only",
            "METRICS_PORT": "0",
            **self.settings,
        }

    def start(self, *names: str) -> None:
        """Migrate and start the named roles (all of them when none is named); wait for the web."""
        self.port = pick_free_port()
        self.postgres.create_database(f"e2e_{self.folder.name}")
        self.manage("migrate", "--noinput", "-v", "0")
        environment = self.environment()
        for role in build_roles(environment=environment, var=self.folder):
            self.roles[role.name] = RoleProcess(
                role,
                environment=environment,
                folder=self.folder / "pids",
                emit=partial(self.keep_line, role.name),
                working_directory=PROJECT,
            )
        for name in names or list(self.roles):
            self.roles[name].start()
        self.wait_until(lambda: self.answers("/live"), limit=90)
        self.manage("create_organization", "--slug", "default", "--name", "Default")
        created = self.manage("create_api_key", "--name", "e2e", "--scopes", SCOPES, "--json")
        self.key = json.loads(created)["key"]

    def keep_line(self, role: str, line: str) -> None:
        self.lines.append(f"{role}: {line}")

    def stop(self) -> None:
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda role: role.kill(), self.roles.values()))

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a management command as an operator would and return what it printed."""
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def answers(self, path: str) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=1).ok
        except requests.RequestException:
            return False

    def request(
        self, method: str, path: str, *, session: requests.Session | None = None, **options: Any
    ) -> requests.Response:
        headers = {"X-API-Key": self.key, **options.pop("headers", {})}
        url = f"http://127.0.0.1:{self.port}/api/v1{path}"
        caller = session or requests
        return caller.request(method, url, headers=headers, timeout=10, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.request("POST", path, json=body, **options)

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        assert answer.ok, answer.text
        return answer.json()["data"]

    def accept(self, body: Any, **options: Any) -> str:
        """Post a notification and return its id; anything but 202 fails."""
        answer = self.post("/notifications", body, **options)
        assert answer.status_code == requests.codes.accepted, answer.text
        return str(answer.json()["data"]["notification_id"])

    def timeline(self, notification_id: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.get(f"/notifications/{notification_id}/timeline")
        return events

    def status(self, notification_id: str) -> str:
        return str(self.get(f"/notifications/{notification_id}/status")["status"])

    def wait_for_final(self, notification_id: str, *, limit: float = 30) -> str:
        """Return the status once it is final (or left `failed` by a replay)."""
        self.wait_until(lambda: self.status(notification_id) in FINAL, limit=limit)
        return self.status(notification_id)

    def count_unfinished(self) -> int:
        return sum(
            int(
                self.request("GET", f"/notifications?status={status}&limit=1").json()["meta"][
                    "total"
                ]
            )
            for status in ("pending", "queued", "sending")
        )

    def wait_until(self, reached: Callable[[], bool], *, limit: float) -> float:
        """Wait for a condition and return the seconds it took; fails after `limit`."""
        begun_at = time.monotonic()
        while not reached():
            if time.monotonic() - begun_at > limit:
                tail = "\n".join(self.lines[-60:])
                raise AssertionError(f"not reached within {limit} s; the roles said:\n{tail}")
            time.sleep(0.1)
        return time.monotonic() - begun_at
