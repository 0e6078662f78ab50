"""Erasing a person reaches everything that is known of it, and leaves the ledger."""

from typing import Any

import pytest
from django.utils import timezone

from apps.delivery.models import CapturedMessage
from apps.delivery.services.delivering import deliver_notifications
from apps.delivery.services.purging import purge_leftovers
from apps.notifications.models import Notification, NotificationEvent, Suppression
from apps.notifications.models.transitions import Outcome, claim, record_outcomes, take_due
from apps.users.models import User
from deploy.local.servers import RabbitMQ
from tests.factories import make_api_key, make_device, make_organization, make_user, secret_of
from tests.integration.api.calling import Caller
from tests.integration.notifications.ledger import accept, mail, push, status_of, to_user

pytestmark = pytest.mark.django_db
EMPTY: dict[str, Any] = {
    "recipient": "",
    "recipient_index": "",
    "content": None,
    "variables": {},
    "metadata": {},
}


@pytest.fixture
def person() -> User:
    user = make_user(organization=make_organization(), email="ada@example.org")
    make_device(user=user, token="token-of-a-phone")  # noqa: S106  # a device's, which is no secret
    return user


@pytest.fixture
def shop(person: User) -> Caller:
    key = make_api_key(organization=person.organization, scopes=["send", "read", "users", "admin"])
    return Caller({"X-API-Key": secret_of(key)})


def test_erasing_empties_all_that_went_to_the_person(
    person: User, shop: Caller, broker: RabbitMQ
) -> None:
    mine = [
        accept(shop, to_user(person.pk, variables={"a": 1}, metadata={"b": 2})),
        accept(shop, mail(to={"email": "Ada@Example.org"})),
        accept(shop, push()),
    ]
    other = accept(shop, mail(to={"email": "bob@example.org"}))
    take_due(channel="email", limit=10)
    deliver_notifications(ids=[mine[0], other])
    assert shop.call("DELETE", f"/users/{person.pk}").status == 200
    for row in Notification.objects.filter(pk__in=mine).values(*EMPTY):
        assert row == EMPTY
    assert status_of(mine[0]) == "sent"
    assert CapturedMessage.objects.get().notification_id == other
    assert Notification.objects.get(pk=other).recipient == "bob@example.org"


def test_what_was_still_to_be_sent_is_skipped(
    person: User, shop: Caller, broker: RabbitMQ
) -> None:
    mine = [accept(shop, to_user(person.pk)), accept(shop, mail())]
    assert shop.call("DELETE", f"/users/{person.pk}").status == 200
    take_due(channel="email", limit=10)
    deliver_notifications(ids=mine)
    assert {status_of(each) for each in mine} == {"skipped"}


def test_what_a_provider_said_goes_too(person: User, shop: Caller) -> None:
    mine = accept(shop, to_user(person.pk))
    take_due(channel="email", limit=10)
    fence = claim([mine], lease_seconds=60).fences[mine]
    said = "no mailbox of Ada Lovelace"
    record_outcomes(
        [Outcome(id=mine, fence=fence, status="failed", error=said, detail={"tried": [said]})]
    )
    assert shop.call("DELETE", f"/users/{person.pk}").status == 200
    assert not NotificationEvent.objects.filter(notification=mine).exclude(error="").exists()
    assert said not in repr(list(NotificationEvent.objects.values()))
    assert Notification.objects.get(pk=mine).error == ""


def test_the_address_stays_suppressed_and_is_no_longer_readable(
    person: User, shop: Caller
) -> None:
    shop.post("/suppressions", {"address": person.email, "note": "asked by Ada"})
    assert shop.call("DELETE", f"/users/{person.pk}").status == 200
    entry = Suppression.objects.get()
    assert (entry.address, entry.note) == ("", "")
    assert shop.post("/notifications", mail()).data["status"] == "skipped"


def test_what_was_accepted_during_the_erasure_is_erased_by_the_next_purge(
    person: User, shop: Caller
) -> None:
    late = accept(shop, to_user(person.pk))
    User.objects.filter(pk=person.pk).update(erased_at=timezone.now())
    purge_leftovers(now=timezone.now())
    assert Notification.objects.values(*EMPTY).get(pk=late) == EMPTY
