"""The admin's pages of the ledger, as a signed-in operator uses them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from apps.delivery.models import CapturedMessage, DeadMessage
from apps.notifications.models import Batch, DeadLetter, Notification
from apps.users.models import User
from notifier.correlation import bind_correlation_id
from notifier.models import Organization
from tests.integration.pages.ledger import accept_mail, settle_mail

pytestmark = pytest.mark.django_db
NOTIFICATIONS = "/admin/notifications/notification/"
DEAD_LETTERS = "/admin/notifications/deadletter/"
BATCHES = "/admin/notifications/batch/"
DEAD_MESSAGES = "/admin/delivery/deadmessage/"
CAPTURED = "/admin/delivery/capturedmessage/"


def fail_mail(organization: Organization, **fields: Any) -> Notification:
    return settle_mail(
        accept_mail(organization, **fields),
        status="failed",
        reason="permanent_error",
        provider="smtp",
        error_code="smtp_550",
        error="550 No such user",
    )


def read(browser: Client, path: str) -> str:
    response = browser.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def act(browser: Client, path: str, action: str, *rows: Notification, **more: str) -> Any:
    chosen = [str(row.pk) for row in rows]
    return browser.post(path, {"action": action, "_selected_action": chosen, **more})


def test_every_page_opens(operator: Client, organization: Organization) -> None:
    row = fail_mail(organization)
    batch = Batch.objects.create(organization=organization, channel="email", answer={})
    dead = DeadMessage.objects.create(
        first_queue="email.queue", headers={"task": "x"}, body_digest="d", body_size=3
    )
    captured = CapturedMessage.objects.create(
        notification_id=row.pk, channel="push", recipient="token-of-a-phone", message={}
    )
    pages = [
        "/admin/",
        NOTIFICATIONS,
        f"{NOTIFICATIONS}?status__exact=failed&channel__exact=email&mode=live&template_code=x",
        f"{NOTIFICATIONS}?batch__id__exact={batch.pk}",
        f"{NOTIFICATIONS}{row.pk}/change/",
        f"{NOTIFICATIONS}{row.pk}/history/",
        DEAD_LETTERS,
        f"{DEAD_LETTERS}{row.pk}/change/",
        BATCHES,
        f"{BATCHES}{batch.pk}/change/",
        DEAD_MESSAGES,
        f"{DEAD_MESSAGES}{dead.pk}/change/",
        CAPTURED,
        f"{CAPTURED}{captured.pk}/change/",
    ]
    for page in pages:
        assert "token-of-a-phone" not in read(operator, page), page


def test_nobody_adds_changes_or_deletes_by_hand(
    operator: Client, organization: Organization
) -> None:
    row = fail_mail(organization)
    for page in (NOTIFICATIONS, DEAD_LETTERS):
        assert operator.get(f"{page}add/").status_code == 403
        assert operator.post(f"{page}{row.pk}/change/", {"status": "sent"}).status_code == 403
        assert operator.post(f"{page}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    for page in (BATCHES, DEAD_MESSAGES, CAPTURED):
        assert operator.get(f"{page}add/").status_code == 403
    row.refresh_from_db()
    assert row.status == "failed"


def test_search_finds_by_exact_id_request_recipient_and_correlation(
    operator: Client, organization: Organization
) -> None:
    bind_correlation_id("story-of-grace")
    row = accept_mail(organization, request_id="order-1812", email="grace@example.org")
    bind_correlation_id("story-of-ada")
    accept_mail(organization, request_id="order-1813", email="ada@example.org")
    for term in (row.pk, "order-1812", "grace@example.org", "story-of-grace"):
        page = read(operator, f"{NOTIFICATIONS}?q={term}")
        assert "grace@example.org" in page, term
        assert "ada@example.org" not in page, term
    assert "grace@example.org" not in read(operator, f"{NOTIFICATIONS}?q=grace")
    read(operator, f"{NOTIFICATIONS}?q=%00")


def test_the_page_tells_the_story_in_its_order(
    operator: Client, organization: Organization
) -> None:
    row = settle_mail(
        accept_mail(organization),
        status="pending",
        reason="retry",
        provider="smtp",
        error="451 Greylisted <later>",
        retry_in=30,
        detail={"tried": [{"provider": "first", "error_code": "timeout", "error": "no answer"}]},
    )
    page = read(operator, f"{NOTIFICATIONS}{row.pk}/change/")
    story = page.partition("timeline-title")[2].partition("</ol>")[0]
    told = ["accepted", "queued", "sending", "451 Greylisted &lt;later&gt;", "no answer"]
    places = [story.index(part) for part in told]
    assert places == sorted(places)
    assert "waits 30 s, until" in story


def test_replaying_from_the_page_returns_to_it(
    operator: Client, organization: Organization
) -> None:
    row = fail_mail(organization)
    page = f"{NOTIFICATIONS}{row.pk}/change/"
    assert 'value="replay_selected"' in read(operator, page)
    response = act(operator, NOTIFICATIONS, "replay_selected", row, from_page="1")
    assert response["Location"] == page
    row.refresh_from_db()
    assert (row.status, row.reason) == ("pending", "replay")
    assert LogEntry.objects.get().change_message == "Replayed"
    assert 'value="cancel_selected"' in read(operator, page)


def test_cancelling_takes_only_what_is_pending(
    operator: Client, organization: Organization
) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    failed = fail_mail(organization)
    waiting = accept_mail(organization, scheduled_at=tomorrow)
    act(operator, NOTIFICATIONS, "cancel_selected", failed, waiting)
    states = {row.pk: row.status for row in Notification.objects.all()}
    assert states == {failed.pk: "failed", waiting.pk: "cancelled"}


def test_dead_letters_are_replayed_and_discarded(
    operator: Client, organization: Organization
) -> None:
    first = fail_mail(organization, email="first@example.org")
    second = fail_mail(organization, email="second@example.org")
    sent = settle_mail(accept_mail(organization, email="sent@example.org"), status="sent")
    page = read(operator, DEAD_LETTERS)
    assert "first@example.org" in page
    assert "sent@example.org" not in page
    act(operator, DEAD_LETTERS, "replay_letters", first, sent, confirmed="1")
    act(operator, DEAD_LETTERS, "discard_letters", second, confirmed="1", reason="Left us")
    assert "first@example.org" not in read(operator, DEAD_LETTERS)
    assert not DeadLetter.objects.exists()
    states = {row.pk: (row.status, row.reason) for row in Notification.objects.all()}
    assert states[first.pk] == ("pending", "replay")
    assert states[second.pk] == ("failed", "discarded")
    assert states[sent.pk][0] == "sent"
    story = read(operator, f"{NOTIFICATIONS}{second.pk}/change/")
    assert "Left us (in the admin, by user" in story


def test_who_may_only_look_gets_no_actions(organization: Organization) -> None:
    viewer = User.objects.create_user(
        organization=organization, email="viewer@example.org", name="V", password=None
    )
    viewer.is_staff = True
    viewer.save()
    _grant(viewer, "view_notification", "view_deadletter")
    browser = Client()
    browser.force_login(viewer)
    row = fail_mail(organization)
    assert "replay_selected" not in read(browser, NOTIFICATIONS)
    act(browser, NOTIFICATIONS, "replay_selected", row)
    row.refresh_from_db()
    assert row.status == "failed"


def _grant(user: User, *codenames: str) -> None:
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))


def test_staff_that_may_see_everything_is_offered_no_page_of_superusers(
    organization: Organization,
) -> None:
    person = User.objects.create_user(
        organization=organization, email="staff@example.org", name="S", password=None
    )
    person.is_staff = True
    person.save()
    person.user_permissions.set(Permission.objects.all())
    browser = Client()
    browser.force_login(person)
    offered = set(re.findall(r'href="(/admin/[^"?]+/)"', read(browser, "/admin/")))
    assert NOTIFICATIONS in offered
    assert DEAD_MESSAGES not in offered
    answers = {page: browser.get(page).status_code for page in offered}
    assert set(answers.values()) == {200}, answers


def test_a_timeline_that_moved_on_has_its_whole_page_read_again(
    operator: Client, organization: Organization
) -> None:
    row = accept_mail(organization)
    page = f"{NOTIFICATIONS}{row.pk}/change/"
    (known,) = re.findall(r'"X-Known-Events": "(\d+)"', read(operator, page))
    assert "HX-Refresh" not in operator.get(page, headers={"X-Known-Events": known})
    settle_mail(row, status="sent")
    assert operator.get(page, headers={"X-Known-Events": known})["HX-Refresh"] == "true"
    assert "HX-Refresh" not in operator.get(page)


def test_a_page_follows_what_was_just_sent_until_a_report_is_no_longer_near(
    operator: Client, organization: Organization
) -> None:
    row = settle_mail(accept_mail(organization), status="sent")
    page = f"{NOTIFICATIONS}{row.pk}/change/"
    assert "X-Known-Events" in read(operator, page)
    long_ago = timezone.now() - timedelta(minutes=2)
    Notification.objects.filter(pk=row.pk).update(sent_at=long_ago)
    assert "X-Known-Events" not in read(operator, page)


def test_an_attempt_in_doubt_stands_out(operator: Client, organization: Organization) -> None:
    row = settle_mail(
        accept_mail(organization),
        status="failed",
        reason="in_doubt",
        provider="smtp",
        error_code="timeout",
        in_doubt=True,
    )
    page = read(operator, f"{NOTIFICATIONS}{row.pk}/change/")
    story = page.partition("timeline-title")[2].partition("</ol>")[0]
    assert "in doubt</span>" in story
    assert "Nobody knows whether the provider took this attempt." in story
    assert "The provider did not answer in time." in story
    assert "1 in doubt" in page


def test_filters_tell_providers_times_and_schedules_apart(
    operator: Client, organization: Organization
) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    accept_mail(organization, email="later@example.org", scheduled_at=tomorrow)
    fail_mail(organization, email="failed@example.org")
    old = settle_mail(accept_mail(organization, email="old@example.org"), status="sent")
    Notification.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=9))
    for query, found in (
        ("schedule=later", "later@"),
        ("provider=smtp", "failed@"),
        ("accepted=older", "old@"),
    ):
        page = read(operator, f"{NOTIFICATIONS}?{query}")
        shown = [name for name in ("later@", "failed@", "old@") if f">{name}" in page]
        assert shown == [found], query
