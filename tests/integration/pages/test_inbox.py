"""The inbox page, as a browser sees it."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from apps.delivery.models import CapturedMessage
from apps.delivery.providers.contract import EmailMessage, PushMessage
from apps.delivery.services.outlets import keep_captured
from tests.factories import make_organization, make_user
from tests.integration.pages.ledger import accept_mail
from tests.integration.pages.staff import sign_in_staff

pytestmark = pytest.mark.django_db
SECOND = 1000 << 80  # of the time in a UUIDv7
PAGES = ["/inbox", "/inbox/", "/inbox/messages", "/inbox/messages/{}", "/inbox/messages/{}/html"]


def capture_mail(**fields: Any) -> CapturedMessage:
    notification_id = uuid4()
    defaults = {
        "notification_id": str(notification_id),
        "attempt": 1,
        "message_id": f"<{notification_id}@example.org>",
        "sender": "Shop <shop@example.org>",
        "recipient": "ada@example.org",
        "subject": "Hello, Ada",
        "text": "Hello in text",
        "html": "<p>Hello in <b>HTML</b></p>",
        "headers": {},
        "correlation_id": "c",
    }
    keep_captured(EmailMessage(**{**defaults, **fields}), provider="capture")
    return CapturedMessage.objects.get(notification_id=notification_id)


def capture_push(**fields: Any) -> CapturedMessage:
    notification_id = uuid4()
    defaults = {
        "notification_id": str(notification_id),
        "attempt": 1,
        "token": "token-of-a-phone",
        "platform": "ios",
        "title": "On its way",
        "body": "Tomorrow between 9 and 12",
        "image": None,
        "link": "https://example.org/orders/1812",
        "data": {"order": "1812"},
        "high_priority": True,
        "ttl_seconds": 3600,
        "correlation_id": "c",
    }
    keep_captured(PushMessage(**{**defaults, **fields}), provider="capture")
    return CapturedMessage.objects.get(notification_id=notification_id)


def read(path: str, *, status: int = 200) -> str:
    response = Client().get(path)
    assert response.status_code == status, path
    return response.content.decode()


def ids_in(page: str) -> list[UUID]:
    return [UUID(found) for found in re.findall(r'class="row"[^>]*data-id="([^"]+)"', page)]


def test_an_empty_inbox_says_what_to_do_next() -> None:
    page = read("/inbox/")
    assert "curl -sS http://testserver/api/v1/notifications" in page
    assert "is-empty" in page


def test_messages_are_listed_newest_first() -> None:
    rows = [capture_mail(), capture_push(), capture_mail(subject="")]
    page = read("/inbox/")
    assert ids_in(page) == [row.pk for row in reversed(rows)]
    assert "Hello, Ada" in page
    assert "ios · token-of-a-phone" in page
    assert "(no subject)" in page


def test_older_messages_are_on_further_pages() -> None:
    rows = [capture_mail() for _ in range(52)]
    page = read("/inbox/")
    assert len(ids_in(page)) == 50
    older = re.findall(r'class="older" href="([^"]+)"', page)
    assert ids_in(read(older[0])) == [rows[1].pk, rows[0].pk]


def test_arrivals_are_the_rows_after_an_id() -> None:
    old, new = capture_mail(), capture_mail()
    CapturedMessage.objects.filter(pk=old.pk).update(id=UUID(int=old.pk.int - 60 * SECOND))
    assert ids_in(read(f"/inbox/messages?after={new.pk}")) == [new.pk]
    newer = capture_push()
    assert ids_in(read(f"/inbox/messages?after={new.pk}")) == [newer.pk, new.pk]
    assert len(ids_in(read("/inbox/messages?after="))) == 3


def test_a_row_that_was_committed_late_still_arrives() -> None:
    late, seen = capture_mail(), capture_mail()
    CapturedMessage.objects.filter(pk=late.pk).update(id=UUID(int=seen.pk.int - 2 * SECOND))
    assert len(ids_in(read(f"/inbox/messages?after={seen.pk}"))) == 2


def test_what_is_no_id_or_no_message_is_not_found() -> None:
    for path in ("/inbox/messages?after=x", "/inbox/?before=%00", f"/inbox/messages/{uuid4()}"):
        read(path, status=404)


def test_a_mail_shows_headers_text_and_source() -> None:
    page = read(f"/inbox/messages/{capture_mail(headers={'X-Order': '1812'}).pk}")
    for shown in ("Shop &lt;shop@example.org&gt;", "Hello in text", "X-Order", "MIME-Version"):
        assert shown in page


def test_the_part_for_the_script_is_the_message_alone() -> None:
    part = read(f"/inbox/messages/{capture_mail().pk}?part=detail")
    assert part.startswith("<article")
    assert "<html" not in part


def test_html_of_a_mail_is_harmless_inside_and_outside_of_its_frame() -> None:
    mail = capture_mail(html="<script>alert(1)</script><form action=/inbox/clear></form>")
    page = read(f"/inbox/messages/{mail.pk}")
    assert "<script>alert" not in page
    frame = re.findall(r"<iframe[^>]*>", page)[0]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame
    response = Client().get(f"/inbox/messages/{mail.pk}/html")
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox;")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>Hi", '<base target="_blank"><p>Hi'),
        ("<!doctype html><p>Hi", '<!doctype html><base target="_blank"><p>Hi'),
        (
            "<!doctype html><html><head lang=en><title>T",
            '<!doctype html><html><head lang=en><base target="_blank"><title>T',
        ),
        ("<header>Hi", '<base target="_blank"><header>Hi'),
    ],
)
def test_links_of_a_mail_open_in_tabs_and_its_doctype_stays_first(html: str, shown: str) -> None:
    assert read(f"/inbox/messages/{capture_mail(html=html).pk}/html") == shown


def test_a_mail_that_no_provider_would_take_says_why() -> None:
    page = read(f"/inbox/messages/{capture_mail(recipient='nobody').pk}")
    assert "A real provider would have refused this mail" in page
    assert "Hello in text" in page


def test_a_push_is_shown_as_on_a_phone() -> None:
    page = read(f"/inbox/messages/{capture_push().pk}")
    for shown in ("On its way", "Tomorrow between 9 and 12", "ios", "high priority", "3600 s"):
        assert shown in page
    assert '<a href="https://example.org/orders/1812"' in page


def test_a_link_that_would_run_code_is_text() -> None:
    page = read(f"/inbox/messages/{capture_push(link='javascript:alert(1)').pk}")
    assert "javascript:alert(1)" in page
    assert 'href="javascript' not in page


def test_pages_need_no_inline_code_and_allow_none() -> None:
    for path in ("/inbox/", f"/inbox/messages/{capture_mail().pk}"):
        response = Client().get(path)
        policy = response["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe-inline" not in policy
        page = response.content.decode()
        assert not re.search(r"<script>|<style|\son[a-z]+=|\sstyle=", page)
        assert not re.search(r'(src|href)="(https?:)?//', page)


def test_clearing_needs_a_post_with_a_token_and_deletes_everything() -> None:
    capture_mail()
    browser = Client(enforce_csrf_checks=True)
    assert browser.get("/inbox/clear").status_code == 405
    assert browser.post("/inbox/clear").status_code == 403
    page = browser.get("/inbox/").content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
    assert CapturedMessage.objects.count() == 1
    response = browser.post("/inbox/clear", {"csrfmiddlewaretoken": token})
    assert (response.status_code, response["Location"]) == (302, "/inbox")
    assert CapturedMessage.objects.count() == 0


def test_outside_development_only_staff_gets_in(settings: Settings, operator: Client) -> None:
    settings.NOTIFIER_ENV = "production"
    mail = capture_mail()
    member = Client()
    member.force_login(make_user(role="admin"))
    for page in PAGES:
        path = page.format(mail.pk)
        for stranger in (Client(), member):
            response = stranger.get(path)
            assert response.status_code == 302, path
            assert response["Location"].startswith("/admin/login/?next=/inbox"), path
        assert operator.get(path).status_code == 200, path
    assert Client().post("/inbox/clear").status_code == 302
    assert CapturedMessage.objects.exists()


def test_outside_development_staff_sees_its_own_messages_and_clears_none(
    settings: Settings, operator: Client
) -> None:
    settings.NOTIFIER_ENV = "production"
    organizations = [make_organization(slug=slug) for slug in ("mine", "rival")]
    rows = []
    for organization in organizations:
        rows.append(capture_mail(subject=f"For {organization.slug}"))
        theirs = accept_mail(organization, email="ada@example.org")
        CapturedMessage.objects.filter(pk=rows[-1].pk).update(notification_id=theirs.pk)
    powerless = sign_in_staff(organizations[0], email="powerless@example.org")
    browser = sign_in_staff(organizations[0], "view_capturedmessage")
    for page in PAGES:
        own, foreign = (page.format(row.pk) for row in rows)
        assert powerless.get(own).status_code == 403, page
        assert browser.get(own).status_code == 200, page
        answer = browser.get(foreign)
        assert answer.status_code == (404 if "{}" in page else 200), page
        assert "For rival" not in answer.content.decode(), page
    assert 'id="clear"' not in browser.get("/inbox/").content.decode()
    assert browser.post("/inbox/clear").status_code == 403
    assert CapturedMessage.objects.count() == 2
    assert operator.post("/inbox/clear").status_code == 302
    assert not CapturedMessage.objects.exists()


def test_the_root_leads_to_what_is_worth_seeing(settings: Settings) -> None:
    assert Client().get("/")["Location"] == "/inbox"
    settings.NOTIFIER_ENV = "production"
    assert Client().get("/")["Location"] == "/admin/"
    settings.API_DOCS = "public"
    assert Client().get("/")["Location"] == "/api/docs"
