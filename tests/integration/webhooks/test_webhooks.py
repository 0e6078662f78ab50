"""Receipts from mail services: only signed ones are believed, each counts once."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import Settings

from apps.delivery.providers.urls import parse_provider_urls
from apps.notifications.models import Notification, Receipt
from apps.notifications.services.receipts import apply_stored_receipts
from tests.factories import make_organization
from tests.integration.pages.ledger import accept_mail, settle_mail
from tests.integration.webhooks.signing import (
    Posted,
    SendGridSigner,
    mailgun_event,
    sendgrid_event,
    sign_basic,
    sign_mailersend,
    sign_mailgun,
)

pytestmark = pytest.mark.django_db
KEY = "signing-key"
SENDGRID = SendGridSigner()


@pytest.fixture(autouse=True)
def _providers(settings: Settings) -> None:
    urls = [
        f"mailgun://K@/example.org?webhook_key={KEY}&name=main",
        "mailgun://K@/example.net?name=without-key",
        f"sendgrid://K@/?webhook_key={quote(SENDGRID.public_key(), safe='')}",
        "anymail+postmark://K@?webhook_key=user:secret",
        f"anymail+mailersend://K@?webhook_key={KEY}",
        "anymail+brevo://K@?webhook_key=user:secret",
        "smtp://127.0.0.1?tls=none&name=relay",
    ]
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(",".join(urls))


@pytest.fixture
def sent() -> Notification:
    row = accept_mail(make_organization())
    return settle_mail(row, status="sent", provider="main", provider_message_id="ms-1")


def post(provider: str, posted: Posted, *, status: int = 200) -> dict[str, Any]:
    response = Client().post(f"/api/v1/webhooks/{provider}", **posted)
    assert response.status_code == status, response.content
    return dict(response.json())


def apply_receipts() -> None:
    """As the status worker does."""
    ids = Receipt.objects.filter(applied_at=None).order_by("id").values_list("pk", flat=True)
    apply_stored_receipts(ids=list(ids))


def test_a_signed_delivery_moves_the_notification_on(sent: Notification) -> None:
    event = mailgun_event("delivered", notification_id=str(sent.pk))
    answer = post("main", sign_mailgun(event, key=KEY))
    assert answer["data"] == {"stored": 1}
    receipt = Receipt.objects.get()
    assert (receipt.notification_id, receipt.source, receipt.kind) == (
        sent.pk,
        "main",
        "delivered",
    )
    assert receipt.occurred_at
    apply_receipts()
    sent.refresh_from_db()
    assert sent.status == "delivered"


def test_a_bounce_brings_its_reason(sent: Notification) -> None:
    event = mailgun_event(
        "failed",
        notification_id=str(sent.pk),
        severity="permanent",
        reason="bounce",
        **{"delivery-status": {"message": "550 5.1.1 No such user\r\nhere"}},
    )
    post("mailgun", sign_mailgun(event, key=KEY))
    apply_receipts()
    sent.refresh_from_db()
    assert (sent.status, sent.error_code) == ("bounced", "bounced")
    assert sent.error == "550 5.1.1 No such user here"


@pytest.mark.parametrize(
    ("event", "more", "kind"),
    [
        ("opened", {}, "opened"),
        ("clicked", {"url": "https://example.org"}, "clicked"),
        ("complained", {}, "complained"),
        ("rejected", {"reject": {"reason": "suppressed"}}, "bounced"),
        ("failed", {"severity": "temporary"}, None),
        ("unsubscribed", {}, "unsubscribed"),
        ("invented", {}, None),
    ],
)
def test_events_are_told_in_our_words(
    sent: Notification, event: str, more: dict[str, Any], kind: str | None
) -> None:
    told = mailgun_event(event, notification_id=str(sent.pk), **more)
    post("main", sign_mailgun(told, key=KEY))
    assert list(Receipt.objects.values_list("kind", flat=True)) == ([kind] if kind else [])


def test_the_same_report_twice_counts_once(sent: Notification) -> None:
    posted = sign_mailgun(mailgun_event("opened", notification_id=str(sent.pk)), key=KEY)
    post("main", posted)
    post("main", posted)
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize(
    "posted",
    [
        sign_mailgun(mailgun_event("delivered", notification_id="x"), key="another key"),
        {"data": "{}", "content_type": "application/json"},
        {"data": "[[[", "content_type": "application/json"},
        {"data": '{"signature": []}', "content_type": "application/json"},
        {"data": '{"signature": {"token": "\\ud800"}}', "content_type": "application/json"},
        {"data": "a=b", "content_type": "application/x-www-form-urlencoded"},
        {"data": b"\xff\x00", "content_type": "application/json"},
        {"data": b"", "content_type": "multipart/form-data; boundary=x"},
        {"data": "[" * 100_000, "content_type": "application/json"},
    ],
)
def test_what_is_not_signed_is_never_believed(posted: Posted) -> None:
    answer = post("main", posted, status=401)
    assert answer["error"] == "unauthenticated"
    assert not Receipt.objects.exists()


def test_a_provider_without_a_key_is_never_believed(sent: Notification) -> None:
    event = mailgun_event("delivered", notification_id=str(sent.pk))
    for key in ("", "K", KEY):  # the API key verifies nothing either
        post("without-key", sign_mailgun(event, key=key), status=401)
    assert not Receipt.objects.exists()


def test_a_key_that_is_none_refuses_instead_of_believing(settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls("sendgrid://K@?webhook_key=nonsense")
    post("sendgrid", SENDGRID.sign(b"[]"), status=401)


def test_a_batch_of_sendgrid_is_verified_by_its_public_key(sent: Notification) -> None:
    ours = str(sent.pk)
    events = [
        sendgrid_event("processed", notification_id=ours),
        sendgrid_event("delivered", notification_id=ours, response="250 OK"),
        sendgrid_event("open", notification_id=ours),
        sendgrid_event("open", notification_id="not-an-id"),
    ]
    answer = post("sendgrid", SENDGRID.sign(json.dumps(events).encode()))
    assert answer["data"] == {"stored": 2}
    kinds = Receipt.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["delivered", "opened"]


def test_a_changed_body_or_another_key_breaks_sendgrids_signature(sent: Notification) -> None:
    posted = SENDGRID.sign(b"[]")
    event = sendgrid_event("delivered", notification_id=str(sent.pk))
    post("sendgrid", posted | {"data": json.dumps([event])}, status=401)
    post("sendgrid", SendGridSigner().sign(b"[]"), status=401)
    assert not Receipt.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b"[{}]",
        b"nonsense",
        b"\xff",
        b'[{"event": "open", "timestamp": 1e300}]',
        b'[{"event": "open", "timestamp": "soon"}]',
        b"[" * 100_000,
    ],
)
def test_a_signed_body_that_makes_no_sense_is_400(body: bytes) -> None:
    response = Client().post("/api/v1/webhooks/sendgrid", **SENDGRID.sign(body))
    assert response.status_code == (200 if body == b"{}" else 400), response.content


def test_hostile_texts_in_a_signed_report_are_stored_harmless(sent: Notification) -> None:
    event = sendgrid_event(
        "bounce",
        notification_id=str(sent.pk),
        reason="\ud800 550\x00 no\nsuch user " + "x" * 5000,
        sg_event_id="\x00" * 9999,
        smtp_id={"a": 1},
    )
    post("sendgrid", SENDGRID.sign(json.dumps([event]).encode()))
    receipt = Receipt.objects.get()
    assert receipt.error.startswith("? 550 no such user x")
    assert len(receipt.error) == 500
    assert len(receipt.event_id) == 64


def test_a_service_without_event_ids_is_counted_once_too(sent: Notification) -> None:
    event = {
        "RecordType": "Delivery",
        "MessageID": "pm-1",
        "Recipient": "ada@example.org",
        "DeliveredAt": "2026-05-01T10:00:00Z",
        "Metadata": {"notification_id": str(sent.pk)},
    }
    for _ in range(2):
        post("postmark", sign_basic(event, credentials="user:secret"))
    post("postmark", sign_basic(event, credentials="user:wrong"), status=401)
    assert Receipt.objects.count() == 1


def test_a_service_without_metadata_names_its_own_message_id(sent: Notification) -> None:
    Notification.objects.filter(pk=sent.pk).update(provider="mailersend")
    data = {"type": "delivered", "id": "e-1", "email": {"message": {"id": "ms-1"}}}
    post("mailersend", sign_mailersend({"type": "activity.delivered", "data": data}, key=KEY))
    assert Receipt.objects.get().notification_id == sent.pk
    data["email"] = {"message": {"id": "somebody else's"}}
    post("mailersend", sign_mailersend({"type": "activity.delivered", "data": data}, key=KEY))
    assert Receipt.objects.count() == 1


def test_unknown_providers_and_those_that_report_nothing_are_not_found() -> None:
    for provider in ("nobody", "smtp", "relay", "resend"):
        post(provider, {"data": "{}", "content_type": "application/json"}, status=404)


def test_bodies_have_a_limit_and_the_method_is_post() -> None:
    posted = SENDGRID.sign(b" " * (1024 * 1024 + 1))
    assert post("sendgrid", posted, status=413)["error"] == "payload_too_large"
    assert Client().get("/api/v1/webhooks/main").status_code == 405
    assert Client().head("/api/v1/webhooks/main").status_code == 200
    assert Client().head("/api/v1/webhooks/nobody").status_code == 404


def test_the_route_answers_with_a_slash_and_without_csrf(sent: Notification) -> None:
    posted = sign_mailgun(mailgun_event("opened", notification_id=str(sent.pk)), key=KEY)
    browser = Client(enforce_csrf_checks=True)
    assert browser.post("/api/v1/webhooks/main/", **posted).status_code == 200


def test_a_base64_key_works_without_percent_encoding_its_plus(settings: Settings) -> None:
    signer = next(each for each in iter(SendGridSigner, None) if "+" in each.public_key())
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(
        f"sendgrid://K@?webhook_key={signer.public_key()}"
    )
    assert post("sendgrid", signer.sign(b"[]"))["data"] == {"stored": 0}
