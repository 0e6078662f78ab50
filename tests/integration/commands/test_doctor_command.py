"""`manage.py doctor`: with everything there, with everything away, and with one thing wrong."""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.management.base import CommandError
from django.utils import timezone
from pytest_django import Settings

from apps.delivery.management.checkup import run_checks
from apps.delivery.management.checkup.broker import check_queue
from apps.delivery.management.checkup.finding import SECONDS, NoAnswer, answer_in_time
from apps.delivery.management.checkup.installation import (
    check_lease,
    check_proxies,
    check_public_url,
    check_registration,
    check_secrets,
)
from apps.delivery.management.checkup.outlets import check_provider
from apps.delivery.management.checkup.stores import check_cache
from apps.delivery.management.checkup.work import judge_relay
from apps.delivery.models import DeadMessage
from apps.delivery.providers.urls import parse_provider_urls
from apps.notifications.models import Notification
from deploy.local.ports import pick_free_port
from deploy.local.servers import RabbitMQ
from notifier.broker import declare_topology
from notifier.topology import EMAIL_QUEUE, work_queues
from tests.integration.commands.conftest import Manage, Run

MENDED_BY = {
    "database": "make servers",
    "broker": "make servers",
    "cache": "make servers",
    "email provider": "export EMAIL_PROVIDERS='smtp://user:password@host:587",
    "push provider": "export PUSH_PROVIDERS='fcm:///path/service-account.json'",
}


def findings(run_json: Callable[..., Any]) -> dict[str, dict[str, str]]:
    return {each["name"]: each for each in run_json("doctor")["checks"]}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def everything_at(port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": f"postgres://ada:hunter2@127.0.0.1:{port}/notifier",
        "BROKER_URL": f"amqp://ada:hunter2@127.0.0.1:{port}//",
        "CACHE_URL": f"redis://:hunter2@127.0.0.1:{port}/0",
        "EMAIL_PROVIDERS": f"smtp://ada:hunter2@127.0.0.1:{port}?tls=none",
        "PUSH_PROVIDERS": "fcm:///nowhere/service-account.json",
    }


@pytest.mark.django_db
def test_real_servers_pass_and_idle_queues_are_warnings(
    broker: RabbitMQ, run_json: Callable[..., Any]
) -> None:
    found = findings(run_json)
    assert [each for each in found.values() if each["state"] == "failed"] == []
    assert {"database", "migrations", "clock", "broker", "cache", "relay"} <= {
        name for name, each in found.items() if each["state"] == "ok"
    }
    assert found["email.queue"]["state"] == "warning"
    assert found["email.queue"]["mend"].endswith("celery -A config worker -Q email.queue")
    assert found["failed.queue"]["mend"].endswith("manage.py consume_failed")


def test_services_that_are_away_are_lines_with_what_mends_them(manage: Manage) -> None:
    result = manage("doctor", **everything_at(pick_free_port()))
    assert result.returncode == 1
    lines = [line for line in result.stdout.splitlines() if line.startswith("failed")]
    assert len(lines) == len(MENDED_BY)
    for name, command in MENDED_BY.items():
        line = next(line for line in lines if line.removeprefix("failed").strip().startswith(name))
        assert command in line.split("->")[1], line
    assert "Traceback" not in result.stdout + result.stderr
    assert "hunter2" not in result.stdout + result.stderr


def test_servers_of_an_operator_are_named_where_they_are_not_ours_to_start(
    settings: Settings,
) -> None:
    settings.NOTIFIER_ENV = "staging"
    settings.CACHE_URL = f"redis://127.0.0.1:{pick_free_port()}/0"
    found = check_cache()
    assert (found.state, found.mend) == (
        "failed",
        "export CACHE_URL='redis://:password@host:6379/0'",
    )


def test_old_work_of_make_up_needs_make_up(settings: Settings) -> None:
    settings.IS_EMBEDDED = True
    now = timezone.now()
    old = now - timedelta(minutes=5)
    assert judge_relay(oldest_due_at=old, published_at=None, now=now).mend.endswith("manage.py up")


def test_services_that_hang_do_not_hold_the_doctor_up(manage: Manage, silent_port: int) -> None:
    begun_at = time.monotonic()
    result = manage("doctor", "--json", **everything_at(silent_port))
    assert result.returncode == 1
    assert time.monotonic() - begun_at < 4 * SECONDS + 6  # and the start of the process
    assert "no answer within 2 s" in result.stdout
    assert "Traceback" not in result.stderr


def test_a_fresh_installation_is_told_to_migrate(manage: Manage) -> None:
    result = manage("doctor")
    assert result.returncode == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("failed")]
    assert line.endswith("manage.py migrate")
    assert manage("migrate", "-v0").returncode == 0
    assert manage("doctor").returncode == 0


def test_other_commands_say_in_one_line_that_the_database_is_away(manage: Manage) -> None:
    away = everything_at(pick_free_port())
    for command in (["replay_failed"], ["dead_letters", "list"], ["purge"], ["seed_demo"]):
        result = manage(*command, **away)
        assert result.returncode == 1
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert result.stderr.strip().endswith("manage.py doctor")


def test_a_queue_that_is_missing_or_different_fails(broker: RabbitMQ) -> None:
    queue = work_queues("quorum")[0]
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        try:
            channel.queue_delete(EMAIL_QUEUE)
            assert check_queue(queue).message.startswith("missing")
            channel.queue_declare(EMAIL_QUEUE, durable=True, auto_delete=False)
            different = check_queue(queue)
            assert different.state == "failed"
            assert different.mend == "rabbitmqctl delete_queue email.queue"
        finally:
            channel.queue_delete(EMAIL_QUEUE)
            declare_topology(connection)
    assert check_queue(queue).state == "warning"


def test_a_consumed_queue_passes(broker: RabbitMQ) -> None:
    queue = work_queues("quorum")[0]
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        channel.basic_consume(EMAIL_QUEUE)
        assert check_queue(queue).message == "0 waiting, 1 consumers"


def test_old_work_without_a_relay_fails() -> None:
    now = timezone.now()

    def judge(waits: int, published: int | None = None) -> str:
        published_at = None if published is None else now - timedelta(seconds=published)
        oldest = now - timedelta(seconds=waits)
        return judge_relay(oldest_due_at=oldest, published_at=published_at, now=now).state

    assert judge_relay(oldest_due_at=None, published_at=None, now=now).state == "ok"
    assert [judge(2), judge(20), judge(300)] == ["ok", "warning", "failed"]
    assert [judge(300, published=5), judge(300, published=200)] == ["warning", "failed"]


@pytest.mark.django_db
def test_what_waits_for_a_person_or_a_relay_is_counted(
    broker: RabbitMQ, give_up: Callable[..., Notification], run: Run
) -> None:
    give_up()
    DeadMessage.objects.create(body_size=1)
    give_up(status="pending", finished_at=None, due_at=timezone.now() - timedelta(minutes=5))
    with pytest.raises(CommandError, match=r"1 of \d+ checks failed"):
        run("doctor")
    mends = {finding.name: finding.mend for finding in run_checks()}
    assert mends["relay"].endswith("manage.py relay")
    assert mends["dead letters"].endswith("manage.py dead_letters list")
    assert mends["dead messages"].endswith("manage.py dead_letters messages")


def test_a_lease_shorter_than_a_call_is_a_warning(settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls("smtp://mail", channel="email")
    settings.SEND_LEASE_SECONDS = 38
    assert check_lease().state == "warning"
    settings.SEND_LEASE_SECONDS = 39  # half as much again as 5 s + 2 * 10 s + 1 s
    assert check_lease().state == "ok"
    slow = parse_provider_urls("smtp://mail?timeout=25", channel="email")
    settings.EMAIL_PROVIDER_URLS = slow
    assert check_lease().state == "warning"
    assert check_lease().mend == "export SEND_LEASE_SECONDS=84"


def test_a_lease_that_stops_workers_is_a_failure(settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls("smtp://mail", channel="email")
    settings.SEND_LEASE_SECONDS = 38
    settings.NOTIFIER_ENV = "staging"
    assert check_lease().state == "failed"


@pytest.mark.parametrize(
    ("kind", "address", "state"),
    [
        ("development", "http://127.0.0.1:8000", "ok"),
        ("production", "http://127.0.0.1:8000", "warning"),
        ("production", "http://localhost", "warning"),
        ("staging", "http://[::1]:8000", "warning"),
        ("production", "https://notify.example.org", "ok"),
        ("production", "https://elsewhere.example.org", "warning"),  # the web refuses that name
    ],
)
def test_links_that_lead_nowhere_are_a_warning(
    settings: Settings, kind: str, address: str, state: str
) -> None:
    settings.NOTIFIER_ENV, settings.PUBLIC_URL = kind, address
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "notify.example.org"]
    assert check_public_url().state == state


@pytest.mark.parametrize(
    ("kind", "address", "count", "state"),
    [
        ("development", "https://notify.example.org", 0, "ok"),
        ("production", "http://notify.internal", 0, "ok"),
        ("production", "https://notify.example.org", 1, "ok"),
        ("production", "https://notify.example.org", 0, "warning"),
        ("staging", "https://notify.example.org", 0, "warning"),
    ],
)
def test_a_proxy_that_nobody_counts_is_a_warning(
    settings: Settings, kind: str, address: str, count: int, state: str
) -> None:
    settings.NOTIFIER_ENV, settings.PUBLIC_URL = kind, address
    settings.TRUSTED_PROXY_COUNT = count
    found = check_proxies()
    assert found.state == state
    assert ("export TRUSTED_PROXY_COUNT=" in found.mend) == (state == "warning")


@pytest.mark.parametrize(
    ("kind", "is_open", "state"),
    [
        ("development", True, "ok"),
        ("production", False, "ok"),
        ("production", True, "warning"),
    ],
)
def test_registration_that_is_open_to_strangers_is_a_warning(
    settings: Settings, kind: str, is_open: bool, state: str
) -> None:
    settings.NOTIFIER_ENV, settings.REGISTRATION_OPEN = kind, is_open
    assert check_registration().state == state


def test_a_secret_that_others_may_read_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    secret = tmp_path / "secret_key"
    secret.write_text("x" * 48)
    secret.chmod(0o644)
    assert check_secrets().mend == f"chmod 600 {secret}"
    secret.chmod(0o600)
    assert check_secrets().state == "ok"


def test_a_listening_mail_server_passes_and_hears_nothing(silent_port: int) -> None:
    (url,) = parse_provider_urls(f"smtp://127.0.0.1:{silent_port}", channel="email")
    assert check_provider(url, channel="email").state == "ok"


def test_what_does_not_answer_is_left() -> None:
    begun_at = time.monotonic()
    with pytest.raises(NoAnswer):
        answer_in_time(lambda: time.sleep(SECONDS + 1))
    assert time.monotonic() - begun_at < SECONDS + 0.5
