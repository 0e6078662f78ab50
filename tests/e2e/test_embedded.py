"""`manage.py up`: one process, and what it promises when it is killed or told to stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone

from deploy.local.ports import pick_free_port

PROJECT = Path(__file__).parents[2]
START_SECONDS = 40
STOP_SECONDS = 15


class Embedded:
    """Notifier in one process, as `make up` starts it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = pick_free_port()
        self.process: subprocess.Popen[str] | None = None
        self.log = folder / "up.log"

    def environment(self) -> dict[str, str]:
        ours = ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "EMAIL_PROVIDERS", "PUSH_PROVIDERS")
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        return {**kept, "NOTIFIER_VAR_DIR": str(self.folder), "PYTHONUNBUFFERED": "1"}

    def start(self) -> None:
        self.log.write_text("")
        with self.log.open("w") as output:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [sys.executable, "manage.py", "up", "--port", str(self.port)],
                cwd=PROJECT,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.wait_until(lambda: "ntf_live_" in self.log.read_text(), limit=START_SECONDS)
        self.wait_until(self.answers, limit=START_SECONDS)

    def answers(self) -> bool:
        try:
            return requests.get(self.url("/live"), timeout=1).ok
        except requests.RequestException:
            return False

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def key(self) -> str:
        found = re.search(r"ntf_live_[\w-]+", self.log.read_text())
        assert found, self.log.read_text()
        return found[0]

    def post(self, number: int) -> str:
        body = {
            "notification_type": "email",
            "to": {"email": f"reader{number}@example.org"},
            "template_code": "welcome",
            "variables": {"name": "Ada", "link": "https://example.org/start"},
        }
        answer = requests.post(
            self.url("/api/v1/notifications"),
            json=body,
            headers={"X-API-Key": self.key},
            timeout=10,
        )
        assert answer.status_code == requests.codes.accepted, answer.text
        return str(answer.json()["data"]["notification_id"])

    def find(self, query: str) -> dict[str, Any]:
        answer = requests.get(
            self.url(f"/api/v1/notifications?limit=100&{query}"),
            headers={"X-API-Key": self.key},
            timeout=10,
        )
        found: dict[str, Any] = answer.json()
        return found

    def inbox(self) -> str:
        return requests.get(self.url("/inbox/"), timeout=10).text

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def wait_until(self, reached: Callable[[], bool], *, limit: float) -> None:
        deadline = time.monotonic() + limit
        while not reached():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    whole = Embedded(tmp_path)
    whole.start()
    yield whole
    if whole.process is not None and whole.process.poll() is None:
        whole.end(signal.SIGKILL)


def test_what_was_accepted_before_a_kill_is_sent_after_the_next_start(embedded: Embedded) -> None:
    since = f"created_after={timezone.now():%Y-%m-%dT%H:%M:%SZ}"  # the demo has a past
    ids = [embedded.post(number) for number in range(60)]
    embedded.end(signal.SIGKILL)
    embedded.start()
    embedded.wait_until(
        lambda: embedded.find(f"status=sent&{since}")["meta"]["total"] == len(ids), limit=20
    )
    statuses = Counter(row["id"] for row in embedded.find(f"status=sent&{since}")["data"])
    assert statuses == dict.fromkeys(ids, 1)
    assert embedded.end(signal.SIGINT) == 0
    assert "Traceback" not in embedded.log.read_text()


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=PROJECT,
            env=Embedded(tmp_path).environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        f"CommandError: port {port} is taken; choose another one: make up PORT={port + 1}"
    ]


def test_a_second_process_on_the_same_database_is_refused(embedded: Embedded) -> None:
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "manage.py", "up", "--port", str(pick_free_port())],
        cwd=PROJECT,
        env=embedded.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    assert done.returncode == 1
    assert f"another Notifier is running at {embedded.url('')}, on this database" in done.stderr
