"""A real Flower: what it shows to strangers, and that it does not start without a password."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import requests

from deploy.local.ports import pick_free_port
from deploy.local.private_server import PrivateServer
from notifier.flower_access import is_closed

PROJECT = Path(__file__).parents[2]
LOGIN = ("ada", "a-password-for-tests-only")
SHOWN = ("/", "/workers", "/tasks", "/tasks/datatable", "/broker", "/metrics", "/api/workers")
SHOWN_TOO = ("/api/tasks", "/api/task/types", "/api/queues/length")
CHANGING = ("/api/worker/shutdown/email@x", "/api/task/revoke/x", "/api/task/send-task/x")


def environment_of(var: Path, **others: str) -> dict[str, str]:
    names = ("SECRET_KEY", "JWT_SIGNING_KEY", "FIELD_ENCRYPTION_KEYS")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")},
        **{name: secrets.token_hex(24) for name in names},
        "PYTHONPATH": str(PROJECT),
        "NOTIFIER_ENV": "production",
        "NOTIFIER_VAR_DIR": str(var),
        # Nobody listens there, and what Flower shows of itself is shown all the same.
        "BROKER_URL": f"amqp://127.0.0.1:{pick_free_port()}//",
        "ALLOWED_HOSTS": "notify.example.org",
        "PUBLIC_URL": "https://notify.example.org",
        **others,
    }


class LiveFlower(PrivateServer):
    """Flower as the image starts it, in production."""

    title: ClassVar[str] = "flower"
    start_limit: ClassVar[float] = 40
    stop_limit: ClassVar[float] = 5

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def build_environment(self) -> dict[str, str]:
        return environment_of(self.folder, FLOWER_BASIC_AUTH=":".join(LOGIN))

    def build_command(self) -> list[str | Path]:
        return command_of(self.port)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthcheck", timeout=1).ok
        except requests.RequestException:
            return False


def command_of(port: int, *options: str) -> list[str | Path]:
    where = ("--address=127.0.0.1", f"--port={port}")
    celery = (sys.executable, "-W", "ignore", "-m", "celery", "-A", "config")
    return [*celery, "flower", *where, *options]


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFlower]:
    server = LiveFlower(tmp_path_factory.mktemp("flower"))
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.mark.parametrize("path", [*SHOWN, *SHOWN_TOO])
def test_strangers_see_no_page_of_flower(flower: LiveFlower, path: str) -> None:
    for login in (None, (LOGIN[0], "wrong"), ("", "")):
        answer = requests.get(flower.url + path, auth=login, timeout=5, allow_redirects=False)
        assert answer.status_code == 401, login


@pytest.mark.parametrize("path", CHANGING)
def test_strangers_change_nothing_through_flower(flower: LiveFlower, path: str) -> None:
    assert requests.post(flower.url + path, timeout=5).status_code == 401


def test_whoever_has_the_password_sees_them(flower: LiveFlower) -> None:
    for path in ("/workers", "/metrics", "/api/workers"):
        assert requests.get(flower.url + path, auth=LOGIN, timeout=5).status_code == 200, path


def test_the_probe_tells_nothing(flower: LiveFlower) -> None:
    assert requests.get(f"{flower.url}/healthcheck", timeout=5).text == "OK"


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"FLOWER_BASIC_AUTH": ""},
        {"FLOWER_BASIC_AUTH": "admin:admin"},
        {"FLOWER_UNAUTHENTICATED_API": "true"},
    ],
    ids=["none", "empty", "guessable", "an open API"],
)
def test_flower_without_a_password_does_not_start(
    tmp_path: Path, credentials: dict[str, str]
) -> None:
    done = subprocess.run(  # noqa: S603  # our own command
        command_of(pick_free_port()),
        cwd=PROJECT,
        env=environment_of(tmp_path, **credentials),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("notifier: FLOWER_BASIC_AUTH: expected")
    assert "admin:admin" not in done.stderr


def test_each_of_several_passwords_must_be_one() -> None:
    assert is_closed(["ada:correct-horse", "eve:battery-staple"])
    assert not is_closed(["ada:correct-horse", "eve:"])
