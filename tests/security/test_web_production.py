"""Starting in production: nothing of development, and Django's own list of demands."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def production(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation that is set up as the docs say."""
    names = ("SECRET_KEY", "JWT_SIGNING_KEY", "FIELD_ENCRYPTION_KEYS")
    return {
        **os.environ,
        **{name: secrets.token_hex(24) for name in names},
        "NOTIFIER_ENV": "production",
        "NOTIFIER_VAR_DIR": str(tmp_path),
        "ALLOWED_HOSTS": "notify.example.org",
        "PUBLIC_URL": "https://notify.example.org",
        "TRUSTED_PROXY_COUNT": "1",
    }


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-W", "ignore", "manage.py", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_djangos_check_for_production_has_nothing_to_say(production: dict[str, str]) -> None:
    done = manage(production, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SIGNING_KEY"])
@pytest.mark.parametrize(
    "secret", ["django-insecure-" + "k9#mQ" * 10, "changeme" * 8, "x" * 50, "from-development"]
)
def test_a_key_of_development_stops_the_start(
    production: dict[str, str], name: str, secret: str
) -> None:
    if secret == "from-development":  # noqa: S105  # which one, not what it is
        secret = secrets.token_urlsafe(48)
        Path(production["NOTIFIER_VAR_DIR"], name.lower()).write_text(secret)
    done = manage(production | {name: secret}, "check")
    assert done.returncode != 0
    assert done.stderr.startswith(f"notifier: {name}: expected a random value")
    assert secret not in done.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SIGNING_KEY"])
def test_a_missing_key_stops_the_start(production: dict[str, str], name: str) -> None:
    done = manage(production | {name: ""}, "check")
    assert done.returncode != 0
    assert done.stderr.startswith(f"notifier: {name} is required in production")


def test_asking_for_a_debug_mode_stops_the_start(production: dict[str, str]) -> None:
    done = manage(production | {"DEBUG": "True"}, "check")
    assert done.returncode != 0
    assert done.stderr.startswith("notifier: DEBUG: expected to be unset")


@pytest.mark.parametrize(
    "origins", ["*", "https://*.example.org", "example.org", "https://a.org/"]
)
def test_an_origin_that_is_not_exact_stops_the_start(
    production: dict[str, str], origins: str
) -> None:
    done = manage(production | {"CORS_ALLOWED_ORIGINS": origins}, "check")
    assert done.returncode != 0
    assert done.stderr.startswith("notifier: CORS_ALLOWED_ORIGINS: expected")


def test_a_limit_that_is_none_stops_the_start(production: dict[str, str]) -> None:
    done = manage(production | {"RATE_LIMIT_ANON": "many"}, "check")
    assert done.returncode != 0
    assert done.stderr.startswith("notifier: RATE_LIMIT_ANON: expected a count and a time")
