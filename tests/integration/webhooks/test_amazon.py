"""Amazon's notifications about mails of SES: who may post them, what they say, confirmations."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from apps.delivery.providers import build_provider
from apps.delivery.providers.urls import InvalidProviderUrl, parse_provider_urls
from apps.notifications.models import Notification, Receipt, Suppression
from apps.notifications.services.receipts import apply_stored_receipts
from tests.factories import make_organization
from tests.integration.pages.ledger import accept_mail, settle_mail
from tests.integration.provider_subjects import forbid_store

pytestmark = pytest.mark.django_db
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
ACCOUNT = "ses://AKIDEXAMPLE:secret@/eu-west-1?webhook_key=user:pass"
PASSWORD = "Basic " + base64.b64encode(b"user:pass").decode()


class Confirmations(BaseHTTPRequestHandler):
    """Amazon's side of a confirmation; keeps what it was asked."""

    asked: list[dict[str, list[str]]] = []

    def do_GET(self) -> None:
        self.asked.append(parse_qs(urlsplit(self.path).query))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """Say nothing."""


@pytest.fixture
def amazon() -> Iterator[int]:
    Confirmations.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Confirmations) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _ses(settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(ACCOUNT)


@pytest.fixture
def sent() -> Notification:
    row = accept_mail(make_organization())
    return settle_mail(row, status="sent", provider="ses", provider_message_id="0102-ses")


def post(
    message: Any, *, kind: str = "Notification", password: str | None = PASSWORD, **more: str
) -> HttpResponse:
    """Post as SNS does: JSON that calls itself text."""
    text = message if isinstance(message, str) else json.dumps(message)
    told = {"Type": kind, "MessageId": uuid4().hex, "TopicArn": TOPIC, "Message": text, **more}
    headers = {
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": told["MessageId"],
        **({"Authorization": password} if password else {}),
    }
    response: Any = Client().post(
        "/api/v1/webhooks/ses",
        json.dumps({"Timestamp": "2026-01-31T08:00:00.000Z", **told}),
        content_type="text/plain; charset=UTF-8",
        headers=headers,
    )
    return response  # type: ignore[no-any-return]  # the test client's answer


def bounce(bounce_type: str) -> dict[str, Any]:
    people = [{"emailAddress": "ada@example.org", "diagnosticCode": "550 5.1.1 unknown"}]
    return {
        "eventType": "Bounce",
        "mail": {"messageId": "0102-ses", "destination": ["ada@example.org"], "headers": []},
        "bounce": {
            "bounceType": bounce_type,
            "bounceSubType": "General",
            "bouncedRecipients": people,
        },
    }


def apply_all() -> None:
    apply_stored_receipts(ids=list(Receipt.objects.values_list("pk", flat=True)))


def test_a_delivery_moves_the_notification_on(sent: Notification) -> None:
    told = {
        "eventType": "Delivery",
        "mail": {"messageId": "0102-ses", "destination": ["ada@example.org"], "headers": []},
        "delivery": {"recipients": ["ada@example.org"], "smtpResponse": "250 OK"},
    }
    assert post(told).status_code == 200
    apply_all()
    sent.refresh_from_db()
    assert sent.status == "delivered"


@pytest.mark.parametrize(("bounce_type", "suppressed"), [("Permanent", 1), ("Transient", 0)])
def test_only_a_bounce_for_good_suppresses(
    sent: Notification, bounce_type: str, suppressed: int
) -> None:
    assert post(bounce(bounce_type)).status_code == 200
    apply_all()
    sent.refresh_from_db()
    assert (sent.status, sent.error) == ("bounced", "550 5.1.1 unknown")
    assert Suppression.objects.count() == suppressed


@pytest.mark.parametrize("password", [None, "Basic " + base64.b64encode(b"user:no").decode()])
def test_who_has_no_password_is_asked_for_it(sent: Notification, password: str | None) -> None:
    answer = post(bounce("Permanent"), password=password)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic ")
    assert not Receipt.objects.exists()


def test_nonsense_is_the_senders_fault() -> None:
    for message in ("{", "[]", {}, {"eventType": "Bounce"}):
        assert post(message).status_code in {200, 400}
    assert post("x", kind="Greeting").status_code == 401
    assert not Receipt.objects.exists()


def test_only_the_topic_that_is_named_is_confirmed(settings: Settings, amazon: int) -> None:
    wish = {"kind": "SubscriptionConfirmation", "Token": "t0ken"}
    elsewhere = {"SubscribeURL": "http://127.0.0.1:1/steal", **wish}
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(
        f"{ACCOUNT}&endpoint=http://127.0.0.1:{amazon}"
    )
    assert post("You have chosen …", **elsewhere).status_code == 200
    assert Confirmations.asked == []
    named = f"{ACCOUNT}&topic={TOPIC}&endpoint=http://127.0.0.1:{amazon}"
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(named)
    assert post("You have chosen …", password=None, **elsewhere).status_code == 401
    assert post("You have chosen …", TopicArn=f"{TOPIC}-2", **elsewhere).status_code == 401
    assert post("You have chosen …", **elsewhere).status_code == 200
    assert Confirmations.asked == [
        {"Action": ["ConfirmSubscription"], "TopicArn": [TOPIC], "Token": ["t0ken"]}
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ses://K:S@/nowhere", "region such as eu-west-1"),
        ("ses://K:S@/eu-west-1?topic=mail", "topic must be such as arn:aws:sns"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(text: str, expected: str) -> None:
    (url,) = parse_provider_urls(text)
    with pytest.raises(InvalidProviderUrl, match=expected):
        build_provider(url, channel="email", store=forbid_store)
