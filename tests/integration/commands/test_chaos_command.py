"""`manage.py chaos` refuses, in one line, wherever it could do harm or nothing."""

import pytest

from tests.integration.commands.conftest import Manage


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"BROKER_URL": "amqp://127.0.0.1:1//"}, "chaos is for `make up` alone"),
        ({"NOTIFIER_ENV": "production"}, "required in production"),
        ({"EMAIL_PROVIDERS": "smtp://127.0.0.1:1"}, "start it first: make up"),
    ],
)
def test_chaos_is_refused_in_one_line(
    manage: Manage, variables: dict[str, str], told: str
) -> None:
    result = manage("chaos", **variables)
    assert result.returncode == 1
    (line,) = result.stderr.strip().splitlines()
    assert told in line


@pytest.mark.parametrize("duration", ["0s", "11m", "soon", "-5"])
def test_a_time_that_cannot_be_is_refused(manage: Manage, duration: str) -> None:
    result = manage("chaos", f"--for={duration}")
    assert result.returncode != 0
    assert "expected 1s to 10m" in result.stderr
