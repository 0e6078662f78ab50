"""Starts that must not succeed: each ends at once, with one line that says what is expected."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from secrets import token_bytes, token_urlsafe

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from apps.delivery.providers.urls import parse_provider_urls
from apps.delivery.services.outlets import check_outlets
from deploy.local.servers import Postgres, RabbitMQ
from notifier.configuration import InvalidSetting

PROJECT = Path(__file__).parents[2]
SECRETS = {
    "SECRET_KEY": token_urlsafe(48),
    "JWT_SIGNING_KEY": token_urlsafe(48),
    "FIELD_ENCRYPTION_KEYS": urlsafe_b64encode(token_bytes(32)).decode(),
}
WORKER = ("-m", "celery", "-A", "config", "worker", "--pool=solo", "-Q", "email.queue")


def start(*arguments: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, "NOTIFIER_VAR_DIR": str(tmp_path), **SECRETS, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_worker_does_not_start_with_a_lease_shorter_than_a_call(
    tmp_path: Path, postgres: Postgres, rabbitmq: RabbitMQ
) -> None:
    done = start(
        *WORKER,
        tmp_path=tmp_path,
        NOTIFIER_ENV="staging",
        EMAIL_PROVIDERS="smtp://127.0.0.1:1025?name=mail",
        SEND_LEASE_SECONDS="20",
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "notifier: SEND_LEASE_SECONDS: expected at least 39"
        " (1.5 times the 26 s that a call to mail may take), not 20"
    )
    assert "Traceback" not in done.stderr


def test_a_name_on_both_channels_stops_every_start(tmp_path: Path) -> None:
    done = start(
        "manage.py",
        "check",
        tmp_path=tmp_path,
        EMAIL_PROVIDERS="smtp://127.0.0.1:1025?name=main",
        PUSH_PROVIDERS="onesignal://KEY@/app?name=main",
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "notifier: EMAIL_PROVIDERS, PUSH_PROVIDERS: main is the name of an e-mail and of a push"
        " provider: expected a different ?name="
    )


def test_in_development_a_short_lease_is_a_warning(settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls("smtp://127.0.0.1")
    settings.SEND_LEASE_SECONDS = 6
    with capture_logs() as lines:
        check_outlets("email")
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("lease_shorter_than_a_call", "warning")
    settings.NOTIFIER_ENV = "production"
    with pytest.raises(InvalidSetting, match="expected at least 39"):
        check_outlets("email")


def test_what_fits_its_lease_starts_without_a_word(settings: Settings) -> None:
    settings.NOTIFIER_ENV = "production"
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls("smtp://127.0.0.1?timeout=1,capture://")
    settings.SEND_LEASE_SECONDS = 6
    with capture_logs() as lines:
        check_outlets("email")
    assert not lines
