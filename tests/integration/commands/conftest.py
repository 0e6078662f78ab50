"""Commands as an operator runs them: in this process, or as a process of their own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.notifications.models import Notification
from notifier.models import Organization
from tests.factories import OrganizationFactory

PROJECT = Path(__file__).parents[3]
Run = Callable[..., str]


@pytest.fixture
def run() -> Run:
    """Run a command and return what it wrote; CommandError is what would be exit code 1."""

    def run(name: str, *arguments: str) -> str:
        out = io.StringIO()
        call_command(name, *arguments, stdout=out)
        return out.getvalue()

    return run


@pytest.fixture
def run_json(run: Run) -> Callable[..., Any]:
    return lambda name, *arguments: json.loads(run(name, *arguments, "--json"))


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory.create()


@pytest.fixture
def give_up(organization: Organization) -> Callable[..., Notification]:
    """Store a dead letter that was given up `ago`; the rest as the test says."""

    def give_up(*, ago: timedelta = timedelta(0), **fields: Any) -> Notification:
        given_up_at = timezone.now() - ago
        values: dict[str, Any] = {
            "organization": organization,
            "channel": "email",
            "recipient": "ada@example.org",
            "content": {"subject": "Hello", "text": "Hello"},
            "correlation_id": "a-correlation-id",
            "request_digest": "a-digest",
            "status": "failed",
            "attempts": 4,
            "finished_at": given_up_at,
        }
        return Notification.objects.create(**(values | fields))

    return give_up


@pytest.fixture
def embedded_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has set nothing, with a `var` of its own."""
    ours = {"DATABASE_URL", "BROKER_URL", "CACHE_URL", "EMAIL_PROVIDERS", "PUSH_PROVIDERS"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "NOTIFIER_VAR_DIR": str(tmp_path / "var")}


Manage = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def manage(embedded_environment: dict[str, str]) -> Manage:
    """Run manage.py as a process of its own, on embedded defaults and the given variables."""

    def manage(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env={**embedded_environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return manage


@pytest.fixture
def up(embedded_environment: dict[str, str]) -> Iterator[Callable[[int], Any]]:
    """Start `manage.py up` on a port; whatever still runs at the end of the test is stopped."""
    processes: list[subprocess.Popen[str]] = []

    def up(port: int) -> "subprocess.Popen[str]":
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=PROJECT,
            env=embedded_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        processes.append(process)
        return process

    yield up
    for process in processes:
        process.kill()
        process.communicate()
