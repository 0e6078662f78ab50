"""What providers report puts addresses on the list: hard bounces, complaints, unsubscriptions."""

from typing import Any

import pytest

from apps.delivery.providers.urls import parse_provider_urls
from apps.notifications.models import Notification, NotificationEvent, Receipt, Suppression
from apps.notifications.services.receipts import (
    ReportedEvent,
    apply_stored_receipts,
    store_receipts,
)
from notifier.models import Organization
from notifier.sql import run
from tests.factories import make_organization
from tests.integration.api.calling import key_of
from tests.integration.pages.ledger import accept_mail, settle_mail
from tests.integration.webhooks.signing import mailgun_event, sign_basic, sign_mailgun
from tests.integration.webhooks.test_webhooks import KEY, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    names = ("brevo", "mailjet", "postmark", "sparkpost")
    basic = ",".join(f"anymail+{name}://K{_more(name)}@?webhook_key=user:secret" for name in names)
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls(
        f"mailgun://K@/example.org?webhook_key={KEY}&name=main,{basic}"
    )


def _more(name: str) -> str:
    return ":secret" if name == "mailjet" else ""


@pytest.fixture
def sent(organization: Organization) -> Notification:
    row = accept_mail(organization, email="Ada@Example.org")
    return settle_mail(row, status="sent", provider="main", provider_message_id="m-1")


def apply_receipts() -> None:
    """As the status worker does."""
    apply_stored_receipts(ids=list(Receipt.objects.order_by("id").values_list("pk", flat=True)))


def report(row: Notification, kind: str, error_code: str = "", *, event_id: str = "e-1") -> None:
    event = ReportedEvent(
        notification_id=row.pk, source="main", event_id=event_id, kind=kind, error_code=error_code
    )
    store_receipts(events=[event])
    apply_receipts()


def listed() -> list[tuple[str, str, str, str]]:
    rows = Suppression.objects.order_by("cause")
    return list(rows.values_list("address", "cause", "scope", "source"))


@pytest.mark.parametrize(
    ("kind", "error_code", "cause", "scope"),
    [
        ("bounced", "bounced", "hard_bounce", "all"),
        ("bounced", "invalid", "hard_bounce", "all"),
        ("bounced", "unsubscribed", "unsubscribe", "marketing"),
        ("complained", "spam", "complaint", "all"),
        ("unsubscribed", "", "unsubscribe", "marketing"),
    ],
)
def test_what_will_not_pass_suppresses(
    sent: Notification, kind: str, error_code: str, cause: str, scope: str
) -> None:
    report(sent, kind, error_code)
    assert listed() == [("ada@example.org", cause, scope, "main")]
    entry = Suppression.objects.get()
    assert (entry.organization_id, entry.channel) == (sent.organization_id, "email")
    assert str(sent.pk) in entry.note


@pytest.mark.parametrize(
    ("kind", "error_code"),
    [
        ("bounced", "soft_bounce"),
        ("bounced", "blocked"),
        ("bounced", "spam"),
        ("bounced", ""),
        ("failed", "bounced"),
        ("delivered", ""),
        ("opened", ""),
    ],
)
def test_what_may_pass_suppresses_nothing(sent: Notification, kind: str, error_code: str) -> None:
    report(sent, kind, error_code)
    assert listed() == []


def test_a_report_that_comes_again_changes_nothing(sent: Notification) -> None:
    for event_id in ("e-1", "e-1", "e-2"):
        report(sent, "bounced", "bounced", event_id=event_id)
    report(sent, "complained", event_id="e-3")
    assert [cause for _, cause, _, _ in listed()] == ["complaint", "hard_bounce"]


def test_who_was_taken_off_the_list_stays_off_it(sent: Notification) -> None:
    report(sent, "bounced", "bounced")
    Suppression.objects.all().delete()
    apply_receipts()
    assert listed() == []


def test_a_report_suppresses_for_its_own_organization_only(
    sent: Notification, organization: Organization
) -> None:
    other = accept_mail(make_organization(), email="ada@example.org")
    report(sent, "complained")
    assert set(Suppression.objects.values_list("organization_id", flat=True)) == {organization.pk}
    again = accept_mail(organization, email="ada@example.org")
    assert (again.status, again.reason) == ("skipped", "suppressed")
    assert other.status == "pending"


def test_many_reports_at_once_suppress_each_address_once(sent: Notification) -> None:
    rows = [
        settle_mail(
            accept_mail(sent.organization, email=f"ada{n}@example.org"),
            status="sent",
            provider="x",
        )
        for n in (2, 1, 2)
    ]
    events = [
        ReportedEvent(
            notification_id=row.pk,
            source="main",
            event_id=str(n),
            kind="bounced",
            error_code="bounced",
        )
        for n, row in enumerate(rows)
    ]
    store_receipts(events=events)
    apply_receipts()
    suppressed = sorted(address for address, *_ in listed())
    assert suppressed == ["ada1@example.org", "ada2@example.org"]


def test_an_external_worker_cannot_suppress(sent: Notification) -> None:
    key = key_of(sent.organization, "status")
    body = {"notification_id": str(sent.pk), "status": "failed", "error": "550 5.1.1 unknown"}
    assert key.post("/notifications/status", body).status == 202
    apply_receipts()
    assert listed() == []


@pytest.mark.parametrize(
    ("more", "causes"),
    [
        ({"event": "failed", "severity": "permanent", "reason": "bounce"}, ["hard_bounce"]),
        (
            {"event": "failed", "severity": "permanent", "reason": "suppress-bounce"},
            ["hard_bounce"],
        ),
        ({"event": "failed", "severity": "permanent", "reason": "old"}, []),
        ({"event": "failed", "severity": "temporary", "reason": "bounce"}, []),
        ({"event": "complained"}, ["complaint"]),
        ({"event": "unsubscribed"}, ["unsubscribe"]),
    ],
)
def test_mailguns_words_are_understood(
    sent: Notification, more: dict[str, Any], causes: list[str]
) -> None:
    event = mailgun_event(more.pop("event"), notification_id=str(sent.pk), **more)
    post("main", sign_mailgun(event, key=KEY))
    apply_receipts()
    assert [cause for _, cause, _, _ in listed()] == causes


POSTMARK = {"RecordType": "Bounce", "MessageID": "m-1", "Email": "ada@example.org"}
MAILJET = {"email": "ada@example.org", "MessageID": 1, "time": 1}


@pytest.mark.parametrize(
    ("provider", "event", "causes"),
    [
        ("postmark", POSTMARK | {"Type": "HardBounce"}, ["hard_bounce"]),
        ("postmark", POSTMARK | {"Type": "SoftBounce"}, []),
        ("postmark", POSTMARK | {"Type": "BadEmailAddress"}, ["hard_bounce"]),
        ("postmark", POSTMARK | {"Type": "SpamComplaint"}, ["complaint"]),
        ("brevo", {"event": "hard_bounce"}, ["hard_bounce"]),
        ("brevo", {"event": "soft_bounce"}, []),
        ("brevo", {"event": "unsubscribe"}, ["unsubscribe"]),
        ("mailjet", MAILJET | {"event": "bounce", "hard_bounce": True}, ["hard_bounce"]),
        (
            "mailjet",
            MAILJET | {"event": "bounce", "hard_bounce": False, "error": "quota exceeded"},
            [],
        ),
        ("sparkpost", {"type": "bounce", "bounce_class": "10"}, ["hard_bounce"]),
        ("sparkpost", {"type": "bounce", "bounce_class": "22"}, []),
        ("sparkpost", {"type": "spam_complaint"}, ["complaint"]),
    ],
)
def test_a_full_mailbox_is_told_from_none_whatever_the_service_calls_it(
    sent: Notification, provider: str, event: dict[str, Any], causes: list[str]
) -> None:
    metadata = {"notification_id": str(sent.pk)}
    body: Any = {
        "postmark": event | {"Metadata": metadata},
        "brevo": event | {"X-Mailin-custom": f'{{"notification_id": "{sent.pk}"}}'},
        "mailjet": event | {"Payload": f'{{"notification_id": "{sent.pk}"}}'},
        "sparkpost": [{"msys": {"message_event": event | {"rcpt_meta": metadata}}}],
    }[provider]
    post(provider, sign_basic(body, credentials="user:secret"))
    apply_receipts()
    assert Receipt.objects.count() == 1
    assert [cause for _, cause, _, _ in listed()] == causes


def test_the_timeline_tells_of_an_unsubscription(sent: Notification) -> None:
    report(sent, "unsubscribed")
    sent.refresh_from_db()
    assert sent.status == "sent"
    last = NotificationEvent.objects.filter(notification=sent).order_by("id").last()
    assert last
    assert (last.status, last.reason) == ("unsubscribed", "receipt")


def test_an_unreadable_row_is_suppressed_by_its_index_and_stops_no_other(
    sent: Notification, organization: Organization
) -> None:
    other = settle_mail(
        accept_mail(organization, email="eve@example.org"),
        status="sent",
        provider="main",
        provider_message_id="m-2",
    )
    run(
        "UPDATE notifications_notification SET recipient = '1.lost' WHERE recipient_index = %s",
        [sent.recipient_index],
    )
    events = [
        ReportedEvent(
            notification_id=row.pk,
            source="main",
            event_id=f"e-{row.pk}",
            kind="bounced",
            error_code="bounced",
        )
        for row in (sent, other)
    ]
    store_receipts(events=events)
    apply_receipts()
    rows = Suppression.objects.all()
    assert {(row.address, row.address_index) for row in rows} == {
        ("", sent.recipient_index),
        ("eve@example.org", other.recipient_index),
    }
