"""What others write is text on every page of ours, and no page sends a browser elsewhere."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from apps.delivery.models import CapturedMessage, DeadMessage
from apps.notifications.models import Notification
from apps.notifications.services.suppressing import add_suppression
from apps.templates.services import NewVersion, create_template
from apps.users.models import User
from notifier.models import Organization
from tests.factories import PASSWORD, make_api_key, make_device, make_organization, make_user
from tests.integration.api.calling import key_of
from tests.integration.notifications.ledger import accept, finish, mail
from tests.integration.pages.test_inbox import capture_mail, capture_push
from tests.security.matrix import read_lines

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fast_hasher")]
EVIL = "canary'\"><script>alert(1)</script><img src=x onerror=alert(1)>"
# As text all of it is escaped, and a link that would run is no link.
LIVE = re.compile(r"""canary'|<script>alert|<img src=x|=["']?javascript:""")
ABROAD = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "\thttps://evil.example",
)


@pytest.fixture
def operator() -> Client:
    user = User.objects.create_superuser(email="operator@example.org", password=PASSWORD)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rows() -> Notification:
    """One of everything, with a script wherever somebody may write a text."""
    organization = make_organization(name=EVIL)
    user = make_user(organization=organization, name=EVIL)
    make_device(user=user)
    make_api_key(organization=organization, name=EVIL)
    letter = {"subject": EVIL, "text": EVIL, "html": f"<p>{EVIL}</p>"}
    version = NewVersion(content=letter, sample_variables={"name": EVIL})
    create_template(
        organization_id=organization.pk,
        code="evil",
        channel="email",
        name=EVIL,
        version=version,
        now=timezone.now(),
    )
    add_suppression(
        organization_id=organization.pk,
        channel="email",
        address="eve@example.org",
        cause="manual",
        source="api",
        note=EVIL,
    )
    DeadMessage.objects.create(
        first_queue="email.queue", headers={"task": EVIL}, body_digest="d", body_size=3
    )
    return fail_with_script(organization)


def fail_with_script(organization: Organization) -> Notification:
    written = {
        "variables": {"name": EVIL},
        "metadata": {"name": EVIL},
        "request_id": EVIL.replace(" ", "/"),
    }
    content = {"subject": EVIL, "text": EVIL, "html": EVIL}
    caller = key_of(organization, "send")
    failed = finish(
        accept(caller, mail(content=content, **written)),
        "failed",
        provider=EVIL[:60],
        error_code=EVIL[:60],
        error=EVIL,
        detail={"said": EVIL},
    )
    capture_mail(subject=EVIL, text=EVIL, sender=f'"{EVIL}" <shop@example.org>')
    capture_push(title=EVIL, body=EVIL, link="javascript:alert(1)", data={EVIL: EVIL})
    return Notification.objects.get(pk=failed)


def pages_about_everything() -> Iterator[str]:
    for model in admin.site._registry:  # noqa: SLF001  # documented
        meta = model._meta  # noqa: SLF001  # documented
        page = f"admin:{meta.app_label}_{meta.model_name}"
        yield reverse(f"{page}_changelist")
        for row in model._default_manager.all() if meta.managed else ():  # noqa: SLF001  # documented
            yield from (reverse(f"{page}_{kind}", args=[row.pk]) for kind in ("change", "history"))
    yield from ("/admin/", "/inbox", f"/admin/search/?s={EVIL}", f"/admin/users/user/?q={EVIL}")
    yield from (f"/inbox/messages/{row.pk}" for row in CapturedMessage.objects.all())


def test_no_page_of_the_admin_runs_what_others_wrote(operator: Client, rows: Notification) -> None:
    LogEntry.objects.create(
        user_id=operator.session["_auth_user_id"],
        object_id="1",
        object_repr=EVIL,
        change_message=EVIL,
        action_flag=2,
    )
    read = 0
    for path in pages_about_everything():
        answer = operator.get(path)
        if answer.status_code == 200:
            page = answer.content.decode()
            assert not LIVE.search(page), path
            read += "canary" in page
    assert read >= 15  # pages that do show it, as text


@pytest.mark.parametrize("target", ABROAD)
def test_signing_in_leads_nowhere_else(settings: Settings, target: str) -> None:
    user = User.objects.create_superuser(email="operator@example.org", password=PASSWORD)
    form = {"username": user.email, "password": PASSWORD, "next": target}
    browser = Client()
    assert_stays(browser.post("/admin/login/", form))
    assert_stays(browser.get("/admin/login/", {"next": target}))
    assert_stays(browser.post("/admin/logout/", {"next": target}))


def test_no_route_leads_where_its_query_says(operator: Client) -> None:
    names = ("next", "url", "u", "redirect", "redirect_uri", "return", "to", "link")
    query = dict.fromkeys(names, ABROAD[0])
    for line in read_lines():
        if line.method == "GET" and "{" not in line.route:
            path = (
                line.route.removeprefix("/")
                if line.route.startswith("//")
                else f"/api/v1/{line.route}"
            )
            for browser in (Client(), operator):
                assert_stays(browser.get(path, query))
    for path in (
        "//evil.example/",
        "//evil.example/admin",
        "/admin//evil.example",
        "/%09/evil.example",
    ):
        assert_stays(operator.get(path))


def assert_stays(answer: Any) -> None:
    location = answer.headers.get("Location", "/")
    assert re.match(r"/(?![/\\])", location), location
    assert "Refresh" not in answer.headers
