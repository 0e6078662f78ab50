"""`manage.py config`: all settings, no secrets."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from notifier.configuration import SETTINGS
from tests.integration.commands.conftest import Run


def test_every_setting_is_shown_with_its_source(
    run_json: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRY_MAX", "7")
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    shown = {each["name"]: each for each in run_json("config")}
    assert list(shown) == [setting.name for setting in SETTINGS]
    assert (shown["RETRY_MAX"]["value"], shown["RETRY_MAX"]["source"]) == ("7", "environment")
    assert (shown["LOG_LEVEL"]["value"], shown["LOG_LEVEL"]["source"]) == ("INFO", "default")
    assert all(each["meaning"] for each in shown.values())


def test_no_shape_shows_a_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2-" * 5)
    monkeypatch.setenv("DATABASE_URL", "postgres://notifier:hunter2@db:5432/notifier")
    monkeypatch.setenv("CACHE_URL", "redis://:hunter2@cache:6379/0")
    providers = "smtp://ada:hunter2@mail:587?tls=starttls,sendgrid://hunter2@"
    monkeypatch.setenv("EMAIL_PROVIDERS", providers)
    for arguments in ((), ("--json",), ("-o", "env")):
        shown = run("config", *arguments)
        assert "hunter2" not in shown
        assert "smtp://***@mail:587?tls=starttls,sendgrid://***@" in shown


def test_a_generated_secret_is_not_shown(
    run_json: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    shown = next(each for each in run_json("config") if each["name"] == "SECRET_KEY")
    assert (shown["value"], shown["source"], shown["is_masked"]) == ("***", "generated", True)


def test_the_env_shape_can_be_read_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = "Ada's Shop <ada@example.org>"
    monkeypatch.setenv("DEFAULT_FROM_EMAIL", sender)
    monkeypatch.setenv("BROKER_URL", "amqp://guest:hunter2@broker//")
    lines = run("config", "-o", "env").splitlines()
    assert len(lines) == len(SETTINGS)
    assert "# BROKER_URL='amqp://***@broker//'" in lines
    sender_line = next(line for line in lines if line.startswith("DEFAULT_FROM_EMAIL="))
    assert shlex.split(sender_line) == [f"DEFAULT_FROM_EMAIL={sender}"]
