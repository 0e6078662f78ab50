"""The admin's page of circuit breakers: what it shows, who may reset, and a lost Redis."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from apps.delivery.providers.urls import parse_provider_urls
from apps.delivery.services.breakers import list_breakers
from apps.users.models import User
from deploy.local.ports import pick_free_port
from notifier.breaker import Breaker
from notifier.models import Organization

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
PAGE = "/admin/delivery/circuitbreaker/"
RESET = f"{PAGE}page-mail/reset/"


@pytest.fixture(autouse=True)
def mail(settings: Settings) -> Breaker:
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls("sendgrid://KEY@?name=page-mail")
    settings.PUSH_PROVIDER_URLS = parse_provider_urls("onesignal://KEY@/app?name=page-push")
    for each, _ in list_breakers():
        each.gate.breaker.reset()
    return list_breakers()[0][0].gate.breaker


def viewer_of(organization: Organization) -> Client:
    user = User.objects.create_user(
        organization=organization, email="viewer@example.org", name="V", password=None
    )
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename="view_circuitbreaker"))
    client = Client()
    client.force_login(user)
    return client


def read(browser: Client) -> str:
    response = browser.get(PAGE)
    assert response.status_code == 200
    return response.content.decode()


def test_every_provider_is_listed_with_its_state(operator: Client, mail: Breaker) -> None:
    mail.force_open(600, reason="misconfigured")
    rows = read(operator).partition("<tbody>")[2].split("</tr>")
    assert "page-mail" in rows[0]
    assert ">open<" in rows[0]
    assert "misconfigured" in rows[0]
    assert "<time" in rows[0]
    assert "page-push" in rows[1]
    assert ">closed<" in rows[1]
    assert "<time" not in rows[1]
    assert "breaker" in operator.get("/admin/").content.decode().lower()


def test_a_reset_closes_and_is_remembered(operator: Client, mail: Breaker) -> None:
    mail.force_open(600, reason="failures")
    response = operator.post(RESET, follow=True)
    assert "page-mail: closed" in response.content.decode()
    assert mail.state().state == "closed"
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == ("page-mail", "Reset")


def test_only_a_post_with_its_token_resets(mail: Breaker, operator: Client) -> None:
    mail.force_open(600, reason="failures")
    assert operator.get(RESET).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get_by_natural_key("operator@example.org"))
    assert strict.post(RESET).status_code == 403
    assert operator.post(f"{PAGE}nobody/reset/").status_code == 404
    assert mail.state().state == "open"


def test_who_may_only_look_gets_no_button(organization: Organization, mail: Breaker) -> None:
    mail.force_open(600, reason="failures")
    browser = viewer_of(organization)
    assert "Reset</button>" not in read(browser)
    assert browser.post(RESET).status_code == 403
    assert mail.state().state == "open"
    stranger = Client()
    assert stranger.get(PAGE).status_code == 302
    assert stranger.post(RESET).status_code == 302


def test_a_lost_redis_is_said(operator: Client, settings: Settings) -> None:
    assert "does not answer" not in read(operator)
    settings.CACHE_URL = f"redis://127.0.0.1:{pick_free_port()}/0"
    assert "Redis does not answer" in read(operator)
    told = operator.post(RESET, follow=True).content.decode()
    assert "reset in this process only" in told
    settings.CACHE_URL = ""
    assert "every process has breakers of its own" in read(operator)
