"""The admin's first page: right numbers, of one's own organization, in few queries."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from apps.delivery.admin.chart import draw_chart, round_up
from apps.delivery.providers.urls import parse_provider_urls
from apps.notifications.models import Notification
from apps.notifications.models.hourly_count import HourlyCount
from apps.notifications.services.overview import find_busy_organizations
from notifier.models import Organization
from notifier.shown_values import NOTHING
from tests.factories import make_organization
from tests.integration.pages.ledger import accept_mail, settle_mail
from tests.integration.pages.staff import sign_in_staff

pytestmark = pytest.mark.django_db
PAGE = "/admin/"
MOST_QUERIES = 30


@pytest.fixture(autouse=True)
def _providers(settings: Settings) -> None:
    settings.EMAIL_PROVIDER_URLS = parse_provider_urls("sendgrid://KEY@?name=board-mail")


def fill(organization: Organization, *, sent: int, failed: int, name: str = "reader") -> None:
    for number in range(sent + failed):
        row = accept_mail(organization, email=f"{name}{number}@example.org")
        outcome = {"status": "sent"} if number < sent else {"status": "failed"}
        code = "" if number < sent else "smtp_550"
        settle_mail(row, provider="board-mail", error_code=code, **outcome)


def read(browser: Client, query: str = "") -> str:
    cache.clear()
    response = browser.get(f"{PAGE}{query}")
    assert response.status_code == 200
    return response.content.decode()


def tile(page: str, name: str) -> str:
    found = re.search(rf'<dd id="{name}">(?:<a[^>]*>)?([^<]*)', page)
    assert found, name
    return found[1]


def test_the_numbers_are_those_of_the_ledger(operator: Client, organization: Organization) -> None:
    fill(organization, sent=4, failed=1)
    later = timezone.now() + timedelta(hours=3)
    accept_mail(organization, email="later@example.org", scheduled_at=later)
    old = settle_mail(accept_mail(organization, email="old@example.org"), status="sent")
    long_ago = timezone.now() - timedelta(days=3)
    Notification.objects.filter(pk=old.pk).update(created_at=long_ago)
    page = read(operator)
    shown = {name: tile(page, name) for name in ("accepted", "sent", "failed", "dead-letters")}
    assert shown == {"accepted": "6", "sent": "4", "failed": "1", "dead-letters": "1"}
    assert tile(page, "rate") == "80.0 %"
    assert "smtp_550" in page
    assert "board-mail" in page
    assert ">closed<" in page
    waiting = page.partition("Waiting now")[2].partition("</table>")[0]
    email = re.findall(r'class="n-number">([^<]*)<', waiting.partition("<td>email")[2])
    assert email[:3] == ["0", "1", NOTHING]
    assert "<script>" not in page.partition('id="dashboard"')[2]


def test_staff_sees_its_own_organization_alone(operator: Client) -> None:
    mine, other = make_organization(slug="mine"), make_organization(slug="other", name="Rival")
    fill(mine, sent=1, failed=0)
    fill(other, sent=2, failed=1, name="rival")
    browser = sign_in_staff(mine, "view_notification", "view_deadletter")
    for query in ("", "?organization=other"):
        page = read(browser, query)
        assert (tile(page, "accepted"), tile(page, "dead-letters")) == ("1", "0"), query
        assert "Rival" not in page
        assert "board-mail" in page
        assert ">closed<" not in page  # breakers need a permission of their own
    assert tile(read(operator), "accepted") == "4"
    assert tile(read(operator, "?organization=other"), "accepted") == "3"
    assert operator.get("/admin/?organization=nobody").status_code == 404


def test_of_many_organizations_the_busiest_are_added_up(operator: Client) -> None:
    every = [make_organization(slug=f"o{number:02}") for number in range(21)]
    for organization in every:
        accept_mail(organization, email="reader@example.org")
    counts = {"accepted": 5, "sent": 5, "delivered": 0, "failed": 0}
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    HourlyCount.objects.create(organization=every[-1], hour=hour, channel="email", **counts)
    found, is_cut = find_busy_organizations(now=timezone.now())
    assert [each.slug for each in found] == ["o20", *(f"o{number:02}" for number in range(19))]
    assert is_cut
    assert 'href="/admin/notifier/organization/">list of organizations' in read(operator)
    listed = operator.get("/admin/notifier/organization/").content.decode()
    assert 'href="/admin/?organization=o19"' in listed


def test_without_the_permission_there_are_no_numbers(organization: Organization) -> None:
    fill(organization, sent=1, failed=0)
    page = read(sign_in_staff(organization, "view_template"))
    assert "accepted" not in page.partition('id="dashboard"')[2].lower()
    assert "Your permissions show no numbers" in page
    assert "/admin/notifications/" not in page


def test_more_rows_cost_no_more_queries(operator: Client, organization: Organization) -> None:
    fill(organization, sent=2, failed=1)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            read(operator)
        counts.append(len(queries))
        fill(organization, sent=12, failed=3, name="more")
    assert counts[0] == counts[1]
    assert counts[0] <= MOST_QUERIES


def test_the_chart_scales_to_round_numbers_and_holds_every_bar() -> None:
    assert [round_up(number) for number in (0, 4, 5, 13, 41, 400, 401)] == [
        4,
        4,
        8,
        20,
        80,
        400,
        800,
    ]
    hour = {"accepted": 10, "sent": 7, "delivered": 5, "failed": 2}
    empty = dict.fromkeys(hour, 0)
    hours = [{"hour": timezone.now(), **counts} for counts in (hour, empty)]
    chart = draw_chart(hours)
    parts = {layer.kind: layer.height for layer in chart.bars[0].layers}
    assert list(parts) == ["delivered", "sent", "failed", "other"]
    assert parts["delivered"] == pytest.approx(5 * parts["other"], rel=0.01)
    assert all(layer.y >= 0 for bar in chart.bars for layer in bar.layers)
    assert chart.bars[1].layers == []
    assert draw_chart([hours[1]]).is_empty
