"""The health routes, with their dependencies there, away and hanging."""

import time
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.notifications.models import Notification
from notifier.health import LIMIT_SECONDS
from tests.factories import make_organization, make_user
from tests.integration.health.conftest import client_with
from tests.integration.pages.ledger import accept_mail, settle_mail

# Probes look at the database from their own threads: they see what is committed.
pytestmark = pytest.mark.django_db(transaction=True)
ROUTES = ["health", "live", "ready", "gateway-health"]


@pytest.fixture
def embedded(settings: Settings) -> None:
    settings.IS_EMBEDDED = True


def get(path: str, client: Client | None = None) -> tuple[int, dict[str, Any]]:
    response = (client or Client()).get(path)
    return response.status_code, response.json()


@pytest.mark.usefixtures("broker", "redis")
def test_every_route_answers_below_the_version_and_without_it() -> None:
    for name in ROUTES:
        for path in (f"/{name}", f"/{name}/", f"/api/v1/{name}", f"/api/v1/{name}/"):
            status, answer = get(path)
            assert (status, answer["success"], answer["data"]["status"]) == (200, True, "ok"), path


@pytest.mark.usefixtures("broker", "redis")
def test_ready_names_what_it_asked() -> None:
    _, answer = get("/ready")
    assert answer["data"] == {
        "status": "ok",
        "degraded": [],
        "checks": {"database": "ok", "migrations": "ok", "broker": "ok", "cache": "ok"},
    }


def test_an_embedded_broker_and_cache_are_in_the_process(
    settings: Settings, embedded: None
) -> None:
    settings.CACHE_URL = ""
    _, answer = get("/ready")
    assert answer["data"]["checks"]["broker"] == "in process"
    assert answer["data"]["checks"]["cache"] == "in process"


def test_cache_trouble_degrades_and_stays_200(
    settings: Settings, embedded: None, silent_port: int, closed_port: int
) -> None:
    for port in (closed_port, silent_port):
        settings.CACHE_URL = f"redis://127.0.0.1:{port}/0"
        begun_at = time.monotonic()
        status, answer = get("/ready")
        assert time.monotonic() - begun_at < LIMIT_SECONDS + 0.5
        assert status == 200
        assert answer["data"]["status"] == "degraded"
        assert answer["data"]["degraded"] == ["cache"]


def test_broker_trouble_degrades_and_stays_200(
    monkeypatch: pytest.MonkeyPatch, redis: Any, closed_port: int, silent_port: int
) -> None:
    for port in (closed_port, silent_port):
        monkeypatch.setattr(
            current_app.conf, "broker_write_url", f"amqp://guest:guest@127.0.0.1:{port}//"
        )
        begun_at = time.monotonic()
        status, answer = get("/health")
        assert time.monotonic() - begun_at < LIMIT_SECONDS + 0.5
        assert status == 200
        assert answer["data"]["degraded"] == ["broker"], answer


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """What is connected stays so; the probes connect anew and find nobody."""
    monkeypatch.setitem(connection.settings_dict, "PORT", str(closed_port))


@pytest.mark.usefixtures("no_database", "embedded")
def test_without_a_database_ready_and_health_are_503_and_live_is_not() -> None:
    for name in ("ready", "health", "gateway-health"):
        response = Client().get(f"/{name}")
        answer = response.json()
        assert (response.status_code, answer["error"]) == (503, "unavailable")
        assert response["Retry-After"] == "5"
        errors = {error["field"]: error["message"] for error in answer["data"]["errors"]}
        assert errors == {"database": "not reachable", "migrations": "not reachable"}
    assert get("/live")[0] == 200


def test_a_database_that_hangs_is_no_longer_waited_for_than_a_second(
    monkeypatch: pytest.MonkeyPatch, embedded: None, silent_port: int
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", str(silent_port))
    begun_at = time.monotonic()
    status, answer = get("/ready")
    assert time.monotonic() - begun_at < LIMIT_SECONDS + 0.5
    assert status == 503
    assert {error["message"] for error in answer["data"]["errors"]} == {"no answer in time"}


@pytest.mark.usefixtures("embedded")
def test_a_migration_that_is_missing_is_not_ready() -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("notifications", "0001_initial")
    try:
        status, answer = get("/ready")
    finally:
        recorder.record_applied("notifications", "0001_initial")
    assert status == 503
    assert answer["data"]["errors"] == [
        {
            "field": "migrations",
            "code": "unavailable",
            "message": "1 migrations have not been applied",
        }
    ]


@pytest.mark.usefixtures("broker", "redis")
def test_details_are_for_keys_that_may_read() -> None:
    organization = make_organization()
    accept_mail(organization)
    Notification.objects.update(due_at=timezone.now() - timedelta(seconds=90))
    accept_mail(organization, scheduled_at=timezone.now() + timedelta(days=1))
    _, answer = get("/api/v1/health", client_with("read"))
    details = answer["data"]["details"]
    assert 90 <= details["relay_lag_seconds"] < 100
    assert details["backlog"]["email"]["pending"] == 2
    assert details["backlog"]["push"] == {
        "pending": 0,
        "dead_letters": 0,
        "oldest_due_seconds": 0,
    }
    assert details["providers"] == {"email": ["capture"], "push": ["capture"]}
    assert set(details["queues"]) == {
        "email.queue",
        "push.queue",
        "notification_status",
        "failed.queue",
    }


@pytest.mark.usefixtures("embedded")
def test_strangers_and_other_keys_get_no_details() -> None:
    settle_mail(accept_mail(make_organization()), status="failed")
    for client in (Client(), client_with("send")):
        assert "details" not in get("/api/v1/health", client)[1]["data"]
    assert "details" not in get("/api/v1/gateway-health", client_with("read"))[1]["data"]
    assert get("/health", Client(headers={"X-API-Key": "wrong"}))[0] == 401
    found = get("/health", client_with("read"))[1]["data"]["details"]
    assert found["backlog"]["email"]["dead_letters"] == 1
    assert found["queues"] is None


def test_liveness_asks_nobody(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert get("/live")[0] == 200


@pytest.mark.usefixtures("embedded")
def test_an_admin_sees_details_and_a_sender_does_not(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for role, sees in (("admin", True), ("sender", False)):
        user = make_user(role=role)
        login = {"email": user.email, "password": "correct horse battery"}
        tokens = Client().post("/api/v1/auth/login", login, content_type="application/json")
        token = tokens.json()["data"]["access_token"]
        _, answer = get("/health", Client(headers={"Authorization": f"Bearer {token}"}))
        assert ("details" in answer["data"]) is sees, role
