"""Mails behind a slow server: several at a time, each over a connection of its own."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.test import override_settings
from pytest_django import Settings

from apps.delivery.providers.urls import parse_provider_urls
from apps.delivery.services.outlets import close_outlets
from apps.delivery.services.pacing import note_turn
from apps.delivery.tasks import deliver_email
from apps.notifications.models import Notification
from apps.notifications.models.transitions import take_due
from apps.notifications.services.accepting import accept_notification
from apps.notifications.services.orders import Address, NotificationOrder
from notifier.authentication import Principal
from tests.factories import make_organization
from tests.standins.processes import SmtpSink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker", "redis")]
AT_ONCE = 4


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path_factory.mktemp("slow"), pipelining=True)
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def sink(process: SmtpSink, settings: Settings) -> Iterator[SmtpSink]:
    process.reset()
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(process.url)
    settings.EMAIL_AT_ONCE = AT_ONCE
    settings.BREAKER_THRESHOLD = 100
    close_outlets()
    note_turn(0.0)
    yield process
    close_outlets()
    note_turn(0.0)


def accept(*recipients: str) -> list[UUID]:
    principal = Principal(organization_id=make_organization().pk, scopes=frozenset({"send"}))
    return [
        accept_notification(
            order=NotificationOrder(
                notification_type="email",
                to=Address(email=recipient),
                content={"subject": "Hello", "text": "Ada"},
            ),
            principal=principal,
        ).notification_id
        for recipient in recipients
    ]


def deliver(ids: list[UUID]) -> list[str]:
    take_due(channel="email", limit=1000)
    deliver_email(notification_ids=[str(each) for each in ids])
    rows = Notification.objects.in_bulk(ids)
    return [rows[each].status for each in ids]


def connections_of(sink: SmtpSink) -> set[object]:
    return {each["connection"] for each in sink.messages(kind="data", outcome="accepted")}


def test_a_slow_server_gets_several_at_a_time_and_each_once(sink: SmtpSink) -> None:
    sink.behave(latency_ms=40)
    recipients = [f"ada{number}@example.org" for number in range(24)]
    assert set(deliver(accept(*recipients))) == {"sent"}
    taken = sink.messages(kind="data", outcome="accepted")
    assert sorted(each["rcpt_tos"][0] for each in taken) == sorted(recipients)
    assert 1 < len(connections_of(sink)) <= AT_ONCE


def test_a_quick_server_gets_one_after_the_other(sink: SmtpSink) -> None:
    assert set(deliver(accept(*(f"ada{number}@example.org" for number in range(24))))) == {"sent"}
    assert len(connections_of(sink)) == 1


def test_a_refusal_among_them_hurts_no_neighbour(sink: SmtpSink) -> None:
    sink.behave(latency_ms=40)
    recipients = [f"ada{number}@example.org" for number in range(12)]
    recipients[7] = "bounce550@example.org"
    expected = ["failed" if each.startswith("bounce") else "sent" for each in recipients]
    assert deliver(accept(*recipients)) == expected


def test_one_at_once_means_one_connection(sink: SmtpSink) -> None:
    sink.behave(latency_ms=40)
    with override_settings(EMAIL_AT_ONCE=1):
        assert set(deliver(accept(*(f"ada{n}@example.org" for n in range(8))))) == {"sent"}
    assert len(connections_of(sink)) == 1
