"""One click in a mail client, or a visit with a browser: who unsubscribes is left in peace."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core import signing
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.notifications.models import Suppression
from apps.notifications.services.unsubscribing import Unsubscription, seal_unsubscription
from deploy.local.ports import pick_free_port
from notifier import encryption_lasting
from notifier.models import Organization
from notifier.sql import run
from tests.factories import make_organization
from tests.integration.api.calling import key_of
from tests.integration.suppression.mailing import write

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def token(organization: Organization) -> str:
    return seal_unsubscription(wish_of(organization))


@pytest.fixture
def mail_client() -> Client:
    """No cookie, no referrer, no login; as strict as a browser that was never here."""
    return Client(enforce_csrf_checks=True)


def wish_of(organization: Organization) -> Unsubscription:
    return Unsubscription(
        organization_id=organization.pk,
        channel="email",
        address="ada@example.org",
        template_code="newsletter",
    )


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("body", ["List-Unsubscribe=One-Click", "", "nonsense"])
def test_one_post_is_enough(mail_client: Client, token: str, slash: str, body: str) -> None:
    response = mail_client.post(f"/unsubscribe/{token}{slash}", body, content_type=FORM)
    assert response.status_code == 200
    assert not response.cookies
    entry = Suppression.objects.get()
    assert (entry.address, entry.cause, entry.scope) == (
        "ada@example.org",
        "unsubscribe",
        "marketing",
    )
    assert (entry.source, entry.note, entry.created_by) == (
        "one-click",
        "template newsletter",
        None,
    )


def test_a_multipart_post_works_too(mail_client: Client, token: str) -> None:
    response = mail_client.post(f"/unsubscribe/{token}", {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    assert Suppression.objects.count() == 1


def test_it_takes_effect_at_once(
    mail_client: Client, organization: Organization, token: str
) -> None:
    shop = key_of(organization, "send")
    assert write(shop, "newsletter").status == "pending"
    mail_client.post(f"/unsubscribe/{token}", "", content_type=FORM)
    assert write(shop, "newsletter").reason == "suppressed"
    assert write(shop, "receipt").status == "pending"
    assert write(shop, "newsletter", "eve@example.org").status == "pending"


def test_twice_is_once(mail_client: Client, token: str) -> None:
    for _ in range(2):
        response = mail_client.post(f"/unsubscribe/{token}", "", content_type=FORM)
        assert response.status_code == 200
    assert Suppression.objects.count() == 1


def test_looking_changes_nothing(mail_client: Client, token: str) -> None:
    page = mail_client.get(f"/unsubscribe/{token}")
    head = mail_client.head(f"/unsubscribe/{token}")
    assert (page.status_code, head.status_code) == (200, 200)
    assert not Suppression.objects.exists()
    text = page.content.decode()
    assert '<form method="post">' in text
    assert "ada@example.org" in text
    assert "Ada &amp; Sons" in text
    assert not page.cookies


def test_the_page_needs_nothing_inline_and_tells_nobody_its_address(
    mail_client: Client, token: str
) -> None:
    page = mail_client.get(f"/unsubscribe/{token}")
    assert "<script" not in page.content.decode()
    assert "style=" not in page.content.decode()
    assert page["Content-Security-Policy"].startswith("default-src 'none'")
    assert (page["Referrer-Policy"], page["Cache-Control"]) == ("no-referrer", "no-store")


def _tampered(token: str) -> list[str]:
    payload, _, rest = token.partition(":")
    parts = [str(uuid4()), "email", "eve@example.org", "x"]
    forged = signing.dumps(parts, salt="notifier.unsubscribe", key="another key")
    elsewhere = signing.dumps(parts, salt="something else")
    return [
        token[:-1],
        token + "A",
        "x",
        "%00",
        "%FF",
        "::",
        "a" * 5000,
        f"{payload[:-2]}AA:{rest}",
        forged,
        elsewhere,
    ]


def test_a_token_that_is_not_ours_is_a_friendly_404(mail_client: Client, token: str) -> None:
    for wrong in _tampered(token):
        for send in (mail_client.get, mail_client.post):
            response = send(f"/unsubscribe/{wrong}")
            assert response.status_code == 404, wrong
            assert b"This link is not known" in response.content, wrong
    assert not Suppression.objects.exists()


def test_a_link_of_an_organization_that_is_gone_is_not_known(mail_client: Client) -> None:
    gone = make_organization()
    token = seal_unsubscription(wish_of(gone))
    gone.delete()
    assert mail_client.post(f"/unsubscribe/{token}", "", content_type=FORM).status_code == 404


def test_other_methods_are_refused(mail_client: Client, token: str) -> None:
    assert mail_client.delete(f"/unsubscribe/{token}").status_code == 405


def test_a_link_works_after_years(mail_client: Client, token: str) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=20 * 365)):
        assert mail_client.get(f"/unsubscribe/{token}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_the_reader_is_asked_to_come_again(
    mail_client: Client, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    there = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = str(pick_free_port())  # where nobody listens
    try:
        response = mail_client.post(f"/unsubscribe/{token}", "", content_type=FORM)
    finally:
        connection.settings_dict["PORT"] = there
    assert response.status_code == 503
    assert response["Retry-After"]
    assert b"try again" in response.content
    assert token not in caplog.text
    assert mail_client.post(f"/unsubscribe/{token}", "", content_type=FORM).status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("is_there", [True, False], ids=["sealed with another key", "gone"])
def test_without_the_key_that_opens_links_the_reader_is_asked_to_come_again(
    mail_client: Client,
    token: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    is_there: bool,
) -> None:
    # A process that begins now has not read the key yet.
    monkeypatch.setattr(encryption_lasting, "_opened", {})
    if is_there:
        settings.FIELD_ENCRYPTION_KEYS = ("k" * 48,)
    else:
        run("DELETE FROM notifier_lastingkey")
    response = getattr(mail_client, method)(f"/unsubscribe/{token}")
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert b"try again" in response.content
    assert response["Content-Type"].startswith("text/html")
    assert token not in caplog.text
