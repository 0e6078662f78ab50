"""Retention: content goes first, the row later, and what waits for a person stays."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.delivery.services.purging import HOUR_OF_FULL_WALK, purge_leftovers
from apps.notifications.models import Notification, NotificationEvent, retention
from apps.notifications.services.intervening import discard_dead_letters, replay_notification
from notifier.errors import Conflict
from notifier.models import Organization
from tests.factories import make_organization
from tests.integration.api.calling import Caller, key_of
from tests.integration.notifications.ledger import accept, finish, mail

pytestmark = pytest.mark.django_db
MAIL = mail(variables={"a": 1}, metadata={"b": 2})


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def shop(organization: Organization) -> Caller:
    return key_of(organization, "send", "read", "admin")


def purge_in(days: int) -> dict[str, int]:
    return purge_leftovers(now=timezone.now() + timedelta(days=days))


def test_content_is_emptied_when_its_time_is_over(shop: Caller, settings: Settings) -> None:
    settings.CONTENT_RETENTION_DAYS = 30
    mine = finish(accept(shop, MAIL))
    assert purge_in(29)["contents"] == 0
    assert purge_in(31)["contents"] == 1
    row = Notification.objects.get(pk=mine)
    assert (row.content, row.variables, row.metadata) == (None, {}, {})
    assert (row.recipient, row.status) == ("ada@example.org", "sent")
    assert purge_in(31)["contents"] == 0


def test_what_is_not_over_and_what_waits_for_a_person_stays_whole(
    shop: Caller, settings: Settings
) -> None:
    settings.CONTENT_RETENTION_DAYS = settings.LEDGER_RETENTION_DAYS = 30
    accept(shop, MAIL)
    finish(accept(shop, MAIL), "failed")
    counts = purge_in(31)
    assert (counts["contents"], counts["notifications"]) == (0, 0)


def test_rows_are_deleted_with_their_timeline(shop: Caller, settings: Settings) -> None:
    settings.LEDGER_RETENTION_DAYS = 60
    finish(accept(shop, MAIL))
    assert purge_in(59)["notifications"] == 0
    assert purge_in(61)["notifications"] == 1
    assert not Notification.objects.exists()
    assert not NotificationEvent.objects.exists()


def test_content_of_what_ended_late_is_emptied_by_the_full_walk(
    shop: Caller, settings: Settings
) -> None:
    settings.CONTENT_RETENTION_DAYS = 30
    finish(accept(shop, MAIL))
    noon = (timezone.now() + timedelta(days=40)).replace(hour=12)
    assert purge_leftovers(now=noon)["contents"] == 0
    assert purge_leftovers(now=noon.replace(hour=HOUR_OF_FULL_WALK))["contents"] == 1


def test_a_page_of_what_stays_does_not_hide_what_goes(
    shop: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 1)
    settings.CONTENT_RETENTION_DAYS = settings.LEDGER_RETENTION_DAYS = 30
    finish(accept(shop, MAIL), "failed")
    finish(accept(shop, MAIL))
    assert retention.clear_contents(before=timezone.now() + timedelta(days=1)) == 1
    assert purge_in(31)["notifications"] == 1


def test_a_letter_without_its_content_is_not_replayed(shop: Caller, settings: Settings) -> None:
    settings.CONTENT_RETENTION_DAYS = 30
    mine = finish(accept(shop, MAIL), "failed")
    discard_dead_letters(ids=[mine], explanation="old")
    long_ago = timezone.now() - timedelta(days=31)
    Notification.objects.filter(pk=mine).update(
        finished_at=long_ago, content=None, variables={}, metadata={}
    )
    with pytest.raises(Conflict, match="CONTENT_RETENTION_DAYS"):
        replay_notification(notification=Notification.objects.get(pk=mine))


def test_zero_keeps_everything(shop: Caller, settings: Settings) -> None:
    settings.CONTENT_RETENTION_DAYS = settings.LEDGER_RETENTION_DAYS = 0
    finish(accept(shop, MAIL))
    counts = purge_in(700)
    assert (counts["contents"], counts["notifications"]) == (0, 0)
