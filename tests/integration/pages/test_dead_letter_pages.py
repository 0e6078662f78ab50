"""The admin's pages of dead letters: filters, the dry run, rates, reasons, foreign messages."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from apps.delivery.models import DeadMessage
from apps.delivery.services.dead_letters import sort_dead_letter
from apps.notifications.models import DeadLetter, Notification, NotificationEvent
from apps.users.models import User
from notifier.models import Organization
from tests.integration.pages.ledger import accept_mail, settle_mail

pytestmark = pytest.mark.django_db
PAGE = "/admin/notifications/deadletter/"
MESSAGES = "/admin/delivery/deadmessage/"


def give_up(organization: Organization, name: str, **fields: Any) -> Notification:
    failure = {"provider": "smtp", "error_code": "smtp_550", **fields}
    row = accept_mail(organization, email=f"{name}@example.org")
    return settle_mail(row, status="failed", reason="permanent_error", **failure)


def read(browser: Client, path: str = PAGE) -> str:
    response = browser.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def ask(browser: Client, action: str, *rows: Notification, query: str = "", **more: str) -> Any:
    chosen = [str(row.pk) for row in rows]
    return browser.post(f"{PAGE}{query}", {"action": action, "_selected_action": chosen, **more})


def status_of(row: Notification) -> tuple[str, str]:
    row.refresh_from_db()
    return row.status, row.reason


def test_filters_narrow_by_code_provider_and_time(
    operator: Client, organization: Organization
) -> None:
    give_up(organization, "ada")
    old = give_up(organization, "grace", provider="ses", error_code="http_500")
    Notification.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=9))
    for query in ("error_code=http_500", "provider=ses", "failed=older", "q=grace@example.org"):
        page = read(operator, f"{PAGE}?{query}")
        assert "grace@example.org" in page, query
        assert "ada@example.org" not in page, query
    assert "grace@example.org" not in read(operator, f"{PAGE}?failed=week")
    assert "ada@example.org" in read(operator, f"{PAGE}?failed=hour&error_code=smtp_550")


def test_asking_shows_what_is_meant_and_changes_nothing(
    operator: Client, organization: Organization
) -> None:
    first, second = give_up(organization, "ada"), give_up(organization, "eve", error_code="spam")
    page = ask(operator, "replay_letters", first, second).content.decode()
    assert "<strong>2</strong> dead letters would be changed" in page
    assert "smtp_550" in page
    assert "spam" in page
    assert DeadLetter.objects.count() == 2
    page = ask(operator, "discard_letters", first, confirmed="1").content.decode()
    assert "This field is required" in page
    page = ask(operator, "replay_letters", first, confirmed="1", per_second="0").content.decode()
    assert "greater than or equal to" in page
    assert DeadLetter.objects.count() == 2


def test_all_that_match_are_replayed_at_a_rate_and_no_others(
    operator: Client, organization: Organization
) -> None:
    rows = [give_up(organization, f"reader{n}", error_code="http_500") for n in range(3)]
    other = give_up(organization, "other")
    begun_at = timezone.now()
    ask(
        operator,
        "replay_letters",
        rows[0],
        query="?error_code=http_500",
        select_across="1",
        confirmed="1",
        per_second="0.1",
    )
    assert [status_of(row) for row in rows] == [("pending", "replay")] * 3
    waits = [round((row.due_at - begun_at).total_seconds(), -1) for row in rows]
    assert waits == [0, 10, 20]
    assert status_of(other)[0] == "failed"
    event = NotificationEvent.objects.filter(notification=rows[2]).latest("id")
    assert (event.status, event.reason, event.due_at) == ("pending", "replay", rows[2].due_at)


def test_what_failed_after_the_dry_run_is_no_part_of_it(
    operator: Client, organization: Organization
) -> None:
    seen = give_up(organization, "seen")
    shown_at = timezone.now().isoformat()
    later = give_up(organization, "later")
    wish = {"select_across": "1", "confirmed": "1", "shown_at": shown_at}
    ask(operator, "replay_letters", seen, **wish)
    assert status_of(seen)[0] == "pending"
    assert status_of(later)[0] == "failed"
    for nonsense in ("yesterday", "2026-99-99T00:00:00Z", "2026-01-01T00:00:00"):
        assert ask(operator, "replay_letters", later, shown_at=nonsense).status_code == 200


def test_a_second_click_changes_nothing(operator: Client, organization: Organization) -> None:
    row = give_up(organization, "ada")
    for _ in range(2):
        ask(operator, "replay_letters", row, confirmed="1")
    assert NotificationEvent.objects.filter(notification=row, reason="replay").count() == 1


def test_the_page_of_one_offers_replay_and_discard_to_who_may(
    operator: Client, organization: Organization
) -> None:
    row = give_up(organization, "ada")
    page = read(operator, f"{PAGE}{row.pk}/change/")
    assert 'value="replay_selected"' in page
    assert 'value="discard_letters"' in page
    viewer = User.objects.create_user(
        organization=organization, email="viewer@example.org", name="V", password=None
    )
    User.objects.filter(pk=viewer.pk).update(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_deadletter"))
    browser = Client()
    browser.force_login(viewer)
    page = read(browser, f"{PAGE}{row.pk}/change/")
    assert "timeline-title" in page
    assert 'value="replay_selected"' not in page
    ask(browser, "discard_letters", row, confirmed="1", reason="x")
    assert status_of(row) == ("failed", "permanent_error")


def test_foreign_messages_are_listed_with_headers_and_digest(operator: Client) -> None:
    headers = {"task": "billing.charge", "x-first-death-queue": "email.queue"}
    sort_dead_letter(headers=headers, content_type="text/plain", body=b"hello", ids=[])
    kept = DeadMessage.objects.get()
    page = read(operator, f"{MESSAGES}?q={kept.body_digest[:12]}")
    assert "billing.charge" in page
    page = read(operator, f"{MESSAGES}{kept.pk}/change/")
    assert kept.body_digest in page
    assert "x-first-death-queue" in page
