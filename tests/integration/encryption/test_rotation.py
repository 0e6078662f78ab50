"""`rotate_field_keys`: everything under the new key, nothing lost, and when the old one may go."""

import json
from io import StringIO
from itertools import islice

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.notifications.models import Notification
from apps.users.models import User
from notifier.encrypted_fields import sealed_columns
from notifier.encryption import load_keyring
from notifier.encryption_lasting import blind_index
from notifier.encryption_rotation import count_remaining, rotate_table, sealed_models
from notifier.sql import run
from tests.factories import make_api_key, make_device, make_organization, make_user, secret_of
from tests.integration.api.calling import Caller
from tests.integration.notifications.ledger import accept, mail

pytestmark = pytest.mark.django_db
NEW = "n" * 48


@pytest.fixture
def shop() -> Caller:
    key = make_api_key(organization=make_organization(), scopes=["send", "read", "admin"])
    return Caller({"X-API-Key": secret_of(key)})


def rotate() -> dict[str, object]:
    out = StringIO()
    call_command("rotate_field_keys", "--json", stdout=out)
    report: dict[str, object] = json.loads(out.getvalue())
    return report


def count_old() -> int:
    return sum(count_remaining(each).total() for each in sealed_models())


def test_everything_opens_with_the_new_key_alone(shop: Caller, settings: Settings) -> None:
    old = settings.FIELD_ENCRYPTION_KEYS
    user = make_user(email="ada@example.org")
    make_device(user=user)
    mine = accept(shop, mail(variables={"a": 1}))
    index = blind_index("ada@example.org")
    settings.FIELD_ENCRYPTION_KEYS = (NEW, *old)
    assert count_old() > 0
    old_key = next(key for key in load_keyring().by_id if key != load_keyring().first.id)
    report = rotate()
    assert (report["remaining"], report["idle_keys"]) == ({}, [old_key])
    settings.FIELD_ENCRYPTION_KEYS = (NEW,)
    assert User.objects.get_by_natural_key("ada@example.org").email == "ada@example.org"
    row = Notification.objects.get(pk=mine)
    assert (row.recipient, row.variables) == ("ada@example.org", {"a": 1})
    assert row.recipient_index == blind_index("ada@example.org") == index


def test_rotating_again_changes_nothing(shop: Caller, settings: Settings) -> None:
    accept(shop)
    settings.FIELD_ENCRYPTION_KEYS = (NEW, *settings.FIELD_ENCRYPTION_KEYS)
    first, second = rotate(), rotate()
    assert first["rows"]["notifications_notification"] == 1  # type: ignore[index]  # a dictionary
    assert not any(second["rows"].values())  # type: ignore[attr-defined]  # a dictionary


def test_a_rotation_that_was_ended_goes_on(
    shop: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifier.encryption_rows.BATCH", 2)
    for number in range(5):
        accept(shop, mail(request_id=f"order-{number}"))
    settings.FIELD_ENCRYPTION_KEYS = (NEW, *settings.FIELD_ENCRYPTION_KEYS)
    assert list(islice(rotate_table(Notification), 1)) == [(2, 2)]
    assert sum(changed for _, changed in rotate_table(Notification)) == 3


def test_what_no_key_opens_is_told_and_left_as_it_is(shop: Caller, settings: Settings) -> None:
    own = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = (NEW, *own)
    mine = accept(shop)
    settings.FIELD_ENCRYPTION_KEYS = own
    before = run("SELECT recipient FROM notifications_notification")
    with pytest.raises(CommandError, match="which FIELD_ENCRYPTION_KEYS lacks"):
        call_command("rotate_field_keys", stdout=StringIO())
    assert run("SELECT recipient FROM notifications_notification") == before
    settings.FIELD_ENCRYPTION_KEYS = (*own, NEW)
    call_command("rotate_field_keys", stdout=StringIO())
    settings.FIELD_ENCRYPTION_KEYS = own
    assert Notification.objects.get(pk=mine).recipient == "ada@example.org"


def test_every_sealed_column_is_rotated() -> None:
    fields = [each for model in sealed_models() for each in sealed_columns(model).values()]
    names = {field.place.decode() for field in fields}
    assert names == {
        "delivery_capturedmessage.message",
        "delivery_capturedmessage.recipient",
        "delivery_capturedmessage.title",
        "delivery_deadmessage.headers",
        "notifications_batch.answer",
        "notifications_notification.content",
        "notifications_notification.metadata",
        "notifications_notification.recipient",
        "notifications_notification.variables",
        "notifications_suppression.address",
        "notifications_suppression.note",
        "notifier_lastingkey.wrapped",
        "users_device.token",
        "users_user.email",
        "users_user.name",
    }


def test_counting_what_is_left_takes_as_long_as_it_takes() -> None:
    run("SET LOCAL statement_timeout = '30s'")
    count_remaining(User)
    assert run("SHOW statement_timeout") == [("0",)]
