"""What strangers post as a provider: never believed, nor counted twice, nor our error."""

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from apps.delivery.providers.urls import parse_provider_urls
from apps.notifications.models import Notification, Receipt
from tests.factories import make_organization
from tests.integration.pages.ledger import accept_mail, settle_mail
from tests.integration.webhooks.signing import (
    Posted,
    SendGridSigner,
    mailgun_event,
    sendgrid_event,
    sign_mailgun,
)

pytestmark = pytest.mark.django_db
KEY = "signing-key"
SENDGRID = SendGridSigner()
JSON = "application/json"


@pytest.fixture(autouse=True)
def _providers(settings: Settings) -> None:
    urls = (
        f"mailgun://K@/example.org?webhook_key={KEY}",
        f"sendgrid://K@/?webhook_key={quote(SENDGRID.public_key(), safe='')}",
        "ses://AKIA:S@/eu-west-1?webhook_key=user:secret",
        "smtp://127.0.0.1?tls=none&name=relay",
    )
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(",".join(urls))


@pytest.fixture
def sent() -> Notification:
    return settle_mail(accept_mail(make_organization()), status="sent", provider="mailgun")


def post(provider: str, posted: Posted) -> Any:
    return Client().post(f"/api/v1/webhooks/{provider}", **posted)


def lies_about(notification_id: str) -> list[tuple[str, Posted]]:
    event = mailgun_event("delivered", notification_id=notification_id)
    batch = json.dumps([sendgrid_event("delivered", notification_id=notification_id)]).encode()
    unsigned: list[Posted] = [
        {"data": json.dumps(event), "content_type": JSON},
        {"data": b"", "content_type": JSON},
        {"data": b"\xff\x00", "content_type": JSON},
        {"data": "[" * 100_000, "content_type": JSON},
        {"data": "a=b", "content_type": "application/x-www-form-urlencoded"},
        sign_mailgun(event, key="a key of somebody else"),
        SendGridSigner().sign(batch),
        SENDGRID.sign(batch) | {"data": batch + b" "},
    ]
    providers = ("mailgun", "sendgrid", "ses")
    return [(provider, posted) for provider in providers for posted in unsigned]


def test_what_no_provider_signed_is_never_believed(sent: Notification) -> None:
    for provider, posted in lies_about(str(sent.pk)):
        assert post(provider, posted).status_code == 401, (provider, posted)
    assert not Receipt.objects.exists()


def test_a_signed_report_about_nobody_knows_what_is_no_error(sent: Notification) -> None:
    for reference in (str(uuid4()), "", "x", "'; DROP TABLE", "\x00", str(sent.pk) * 2):
        event = mailgun_event("delivered", notification_id=reference)
        assert post("mailgun", sign_mailgun(event, key=KEY)).status_code == 200, reference
    assert not Receipt.objects.exists()


def test_a_report_that_is_played_again_counts_once(sent: Notification) -> None:
    posted = sign_mailgun(mailgun_event("delivered", notification_id=str(sent.pk)), key=KEY)
    assert [post("mailgun", posted).status_code for _ in range(3)] == [200, 200, 200]
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize(
    "name", ["relay", "nobody", "..", "%2e%2e%2fadmin", "mailgun%00", "x" * 999]
)
def test_a_name_that_reports_nothing_is_not_found(name: str) -> None:
    assert post(name, {"data": "{}", "content_type": JSON}).status_code == 404
