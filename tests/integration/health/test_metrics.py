"""`/metrics`, as Prometheus reads it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from tests.factories import make_organization
from tests.integration.health.conftest import client_with
from tests.integration.pages.ledger import accept_mail, settle_mail

pytestmark = pytest.mark.django_db(transaction=True)
MIDDLEWARE = "notifier.metrics.HttpMetricsMiddleware"


@pytest.fixture(autouse=True)
def _counting(settings: Settings) -> None:
    rest = [each for each in settings.MIDDLEWARE if each != MIDDLEWARE]
    settings.MIDDLEWARE = [MIDDLEWARE, *rest]


@pytest.fixture
def embedded(settings: Settings) -> None:
    settings.IS_EMBEDDED = True


def scrape(client: Client | None = None) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = (client or Client()).get("/metrics")
    assert response.status_code == 200
    return dict(_samples(response.content.decode()))


def _samples(text: str) -> Iterator[tuple[Any, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield (sample.name, frozenset(sample.labels.items())), sample.value


def value(samples: Any, name: str, **labels: str) -> float:
    return float(samples.get((name, frozenset(labels.items())), 0))


@pytest.mark.usefixtures("embedded")
def test_the_backlog_is_read_at_each_scrape() -> None:
    organization = make_organization()
    assert value(scrape(), "notifier_pending", channel="email") == 0
    accept_mail(organization)
    samples = scrape()
    assert value(samples, "notifier_pending", channel="email") == 1
    assert 0 < value(samples, "notifier_oldest_due_seconds", channel="email") < 10
    settle_mail(accept_mail(organization), status="failed")
    assert value(scrape(), "notifier_dead_letters", channel="email") == 1


@pytest.mark.usefixtures("broker")
def test_queues_are_measured_where_there_are_any() -> None:
    assert ("notifier_queue_depth", frozenset({("queue", "email.queue")})) in scrape()


@pytest.mark.usefixtures("embedded")
def test_requests_are_counted_by_route_and_never_by_path() -> None:
    organization = make_organization()
    before = scrape()
    row = accept_mail(organization)
    Client().get(f"/api/v1/notifications/{row.pk}")
    Client().get(f"/api/v1/notifications/{row.pk}/")
    Client().generic("BREW", "/nowhere/4711")
    after = scrape()
    known = {
        "route": "/api/v1/notifications/<uuid:notification_id>",
        "method": "GET",
        "status": "401",
    }
    unknown = {"route": "(none)", "method": "other", "status": "404"}
    name = "notifier_http_requests_total"
    assert value(after, name, **known) - value(before, name, **known) == 2
    assert value(after, name, **unknown) - value(before, name, **unknown) == 1
    count = "notifier_http_seconds_count"
    assert value(after, count, route=known["route"]) >= 2
    assert not any("4711" in str(key) or str(row.pk) in str(key) for key in after)


@pytest.mark.usefixtures("embedded")
def test_in_production_a_scraper_needs_a_key_that_may_read(settings: Settings) -> None:
    settings.NOTIFIER_ENV = "production"
    assert Client().get("/metrics").status_code == 401
    assert Client().get("/metrics").json()["error"] == "unauthenticated"
    assert client_with("send").get("/metrics").status_code == 403
    reader = client_with("read")
    scrape(reader)
    key = reader.defaults["HTTP_X_API_KEY"]
    scrape(Client(headers={"Authorization": f"Bearer {key}"}))  # all that a scraper can send


@pytest.mark.usefixtures("embedded")
def test_without_a_database_the_other_metrics_are_still_there(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", str(closed_port))
    samples = scrape()
    assert ("notifier_pending", frozenset({("channel", "email")})) not in samples
    assert any(name == "notifier_http_requests_total" for name, _ in samples)
