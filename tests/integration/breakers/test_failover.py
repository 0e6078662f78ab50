"""Delivery through breakers: next provider, parking, coming back; real rows, Redis and HTTP."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from structlog.testing import capture_logs

from apps.delivery.providers.urls import parse_provider_urls
from apps.delivery.services.delivering import deliver_notifications
from apps.delivery.services.gates import PARKED_EACH_SECOND
from apps.delivery.services.outlets import close_outlets
from apps.notifications.models import Notification
from apps.notifications.models.transitions import take_due
from notifier.authentication import SCOPES
from notifier.models import Organization
from tests.factories import make_api_key, make_organization, secret_of
from tests.integration.api.calling import key_of
from tests.integration.commands.conftest import Run
from tests.integration.commands.conftest import run as run  # the fixture
from tests.integration.pages.ledger import accept_mail
from tests.standins.processes import MailApiService

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker", "redis")]
RESET_SECONDS = 1.0
THRESHOLD = 3


@pytest.fixture(scope="module")
def mail_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailApiService]:
    service = MailApiService(tmp_path_factory.mktemp("mail-api"))
    service.start()
    yield service
    service.kill()


@pytest.fixture(autouse=True)
def _settings(settings: Settings, mail_api: MailApiService) -> Iterator[None]:
    mail_api.reset()
    settings.BREAKER_THRESHOLD = THRESHOLD
    settings.BREAKER_RESET_SECONDS = RESET_SECONDS
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(
        f"sendgrid://a-key@?name=first&endpoint={mail_api.url},"
        f"mailgun://a-key@/example.org?name=second&endpoint={mail_api.url}"
    )
    close_outlets()
    yield
    close_outlets()


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def only_first(settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URLS = settings.EMAIL_PROVIDER_URLS[:1]


def send(organization: Organization, count: int = 1) -> list[UUID]:
    """Accept so many mails and deliver what is due; return the new ids."""
    ids = [accept_mail(organization).pk for _ in range(count)]
    work()
    return ids


def work() -> None:
    """Deliver what is due now, as relay and worker do."""
    due = [row.id for row in take_due(channel="email", limit=100)]
    if due:
        deliver_notifications(ids=due)


def work_until(reached: Callable[[], bool], *, limit: float = 15) -> None:
    ends_at = time.monotonic() + limit
    while not reached():
        assert time.monotonic() < ends_at, list(Notification.objects.values("status", "reason"))
        work()
        time.sleep(0.05)


def rows(ids: list[UUID]) -> list[Notification]:
    return list(Notification.objects.filter(pk__in=ids))


def all_sent(ids: list[UUID]) -> Callable[[], bool]:
    return lambda: all(row.status == "sent" for row in rows(ids))


def test_the_second_provider_takes_over_and_the_first_comes_back_by_itself(
    organization: Organization, mail_api: MailApiService
) -> None:
    mail_api.behave(fail_always=True, target="sendgrid", code=503)
    ids = send(organization, 10)
    assert {(row.status, row.provider, row.attempts) for row in rows(ids)} == {
        ("sent", "second", 1)
    }
    assert len(mail_api.messages(kind="sendgrid")) == THRESHOLD
    mail_api.behave()
    time.sleep(RESET_SECONDS + 0.1)
    again = send(organization, 5)
    assert {row.provider for row in rows(again)} == {"first"}


@pytest.mark.usefixtures("only_first")
def test_while_every_provider_is_open_notifications_wait_and_use_up_nothing(
    organization: Organization, mail_api: MailApiService
) -> None:
    mail_api.behave(fail_always=True, code=503)
    send(organization, THRESHOLD)
    parked = send(organization, 10)
    for row in rows(parked):
        assert (row.status, row.reason, row.attempts, row.retries) == (
            "pending",
            "breaker_open",
            0,
            0,
        )
        assert row.detail == {"held": {"first": "breaker_open"}}
    calls = len(mail_api.messages())
    ends_at = time.monotonic() + 3.5 * RESET_SECONDS
    while time.monotonic() < ends_at:
        work()
        time.sleep(0.05)
    assert 2 <= len(mail_api.messages()) - calls <= 4  # one trial in each half-open time
    assert sum(row.attempts for row in rows(parked)) <= 4
    assert {row.retries for row in rows(parked)} == {0}
    mail_api.behave()
    everything = [row.pk for row in Notification.objects.all()]
    work_until(all_sent(everything))


@pytest.mark.usefixtures("only_first")
def test_many_parked_come_back_one_after_the_other_and_all_at_once_when_it_is_well(
    organization: Organization, mail_api: MailApiService
) -> None:
    mail_api.behave(fail_always=True, code=503)
    send(organization, THRESHOLD)
    ids = send(organization, 60)
    due = sorted(row.due_at for row in rows(ids))
    assert (due[-1] - due[0]).total_seconds() >= 0.8 * 60 / PARKED_EACH_SECOND
    mail_api.behave()
    time.sleep(RESET_SECONDS + 0.2)
    work()  # the first of them is the trial
    assert max(row.due_at for row in rows(ids)) <= timezone.now()
    work_until(all_sent(ids), limit=2)


def test_a_mail_of_a_providers_template_passes_over_who_does_not_keep_it(
    organization: Organization, mail_api: MailApiService
) -> None:
    caller = key_of(organization, *SCOPES)
    content = {"provider_template": {"sendgrid": "d-1"}}
    made = caller.post("/templates", {"code": "hosted", "channel": "email", "content": content})
    assert made.status == 201, made.body
    body = {
        "notification_type": "email",
        "template_code": "hosted",
        "to": {"email": "a@b.example"},
    }
    ids = [UUID(caller.post("/notifications", body).data["notification_id"]) for _ in range(2)]
    mail_api.behave(fail_next=1, target="sendgrid", code=503)
    work()
    ends = sorted((row.status, row.provider, row.error_code) for row in rows(ids))
    assert ends == [("pending", "first", "http_503"), ("sent", "first", "")]


def test_misconfigured_opens_at_once_alerts_and_fails_over(
    organization: Organization, mail_api: MailApiService
) -> None:
    mail_api.behave(fail_always=True, target="sendgrid", code=401)
    with capture_logs() as logs:
        ids = send(organization, 5)
    assert {(row.status, row.provider) for row in rows(ids)} == {("sent", "second")}
    assert len(mail_api.messages(kind="sendgrid")) == 1
    alerts = [entry for entry in logs if entry["event"] == "provider_misconfigured"]
    assert [(each["log_level"], each["provider"]) for each in alerts] == [("error", "first")]


@pytest.mark.usefixtures("only_first")
def test_what_a_recipient_did_wrong_never_opens_it(
    organization: Organization, mail_api: MailApiService
) -> None:
    mail_api.behave(fail_always=True, code=400)
    ids = send(organization, THRESHOLD + 2)
    assert {row.status for row in rows(ids)} == {"failed"}
    assert len(mail_api.messages()) == THRESHOLD + 2


@pytest.mark.usefixtures("only_first")
def test_too_many_requests_pause_the_provider_and_it_is_not_ill(
    organization: Organization, mail_api: MailApiService
) -> None:
    mail_api.behave(fail_next=1, code=429, retry_after="2")
    ids = send(organization, 5)
    assert len(mail_api.messages()) == 1
    assert sorted(row.reason for row in rows(ids)) == [*["rate_limited"] * 4, "retry"]
    assert sorted(row.attempts for row in rows(ids)) == [0, 0, 0, 0, 1]
    work_until(all_sent(ids))
    assert len(mail_api.messages()) == 6


def test_a_rate_for_long_used_up_parks_and_spreads(
    organization: Organization, mail_api: MailApiService, settings: Settings
) -> None:
    url = f"sendgrid://a-key@?name=slow&rate=30/m&endpoint={mail_api.url}"
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(url)
    ids = send(organization, 6)
    found = rows(ids)
    sent = [row for row in found if row.status == "sent"]
    parked = [row for row in found if row.status == "pending"]
    assert 1 <= len(sent) <= 4
    assert {(row.reason, row.attempts) for row in parked} == {("rate_limited", 0)}
    due = sorted(row.due_at for row in parked)
    assert (due[-1] - due[0]).total_seconds() >= 1.5 * (len(parked) - 1)


def test_a_test_key_meets_no_breaker(organization: Organization, mail_api: MailApiService) -> None:
    mail_api.behave(fail_always=True, code=401)
    send(organization)
    row = accept_mail(organization)
    Notification.objects.filter(pk=row.pk).update(mode="test")
    work()
    row.refresh_from_db()
    assert (row.status, row.provider) == ("sent", "test")


def test_operators_see_and_reset_it(
    organization: Organization, mail_api: MailApiService, run: Run
) -> None:
    mail_api.behave(fail_always=True, target="sendgrid", code=401)
    send(organization)
    key = make_api_key(organization=organization, scopes=("admin", "read"))
    client = Client(headers={"X-API-Key": secret_of(key)})
    assert states(client) == {"first": "open", "second": "closed"}
    assert "misconfigured" in run("breaker", "list")
    assert metric(client) == {"first": 2, "second": 0}
    details = client.get("/api/v1/health").json()["data"]["details"]
    assert details["breakers"] == {"first": "open", "second": "closed"}
    assert client.post("/api/v1/breakers/first/reset").json()["data"]["state"] == "closed"
    assert states(client) == {"first": "closed", "second": "closed"}
    send(organization)
    assert "is closed" in run("breaker", "reset", "first")
    assert states(client) == {"first": "closed", "second": "closed"}


@pytest.mark.usefixtures("only_first")
def test_a_reset_calls_what_waited_for_an_operator(
    organization: Organization, mail_api: MailApiService, run: Run
) -> None:
    mail_api.behave(fail_always=True, code=401)
    ids = send(organization, 3)
    assert {row.reason for row in rows(ids)} == {"misconfigured", "breaker_open"}
    mail_api.behave()
    run("breaker", "reset", "first")
    work()
    assert {row.status for row in rows(ids)} == {"sent"}


def test_who_is_no_admin_sees_no_breakers(organization: Organization) -> None:
    key = make_api_key(organization=organization, scopes=("send", "read"))
    client = Client(headers={"X-API-Key": secret_of(key)})
    assert client.get("/api/v1/breakers").status_code == 403
    assert client.post("/api/v1/breakers/first/reset").status_code == 403


def states(client: Client) -> dict[str, str]:
    shown: list[dict[str, Any]] = client.get("/api/v1/breakers").json()["data"]
    assert all(each["shared"] for each in shown)
    return {each["provider"]: each["state"] for each in shown}


def metric(client: Client) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    (found,) = [each for each in families if each.name == "notifier_breaker_state"]
    return {sample.labels["provider"]: sample.value for sample in found.samples}
