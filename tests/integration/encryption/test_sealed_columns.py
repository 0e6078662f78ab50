"""What the tables hold, how it is found all the same, and what happens without the key."""

import json
from typing import Any

import pytest
from django.core.exceptions import FieldError
from pytest_django import Settings

from apps.delivery.models import CapturedMessage
from apps.delivery.services.delivering import deliver_notifications
from apps.notifications.models import Notification, Suppression
from apps.notifications.models.transitions import take_due
from apps.users.models import Device, User
from deploy.local.servers import RabbitMQ
from notifier.encrypted_fields import sealed_columns
from notifier.encryption import sealing_key
from notifier.encryption_lasting import blind_index
from notifier.encryption_rotation import sealed_models
from notifier.sql import run
from tests.factories import make_api_key, make_device, make_organization, make_user, secret_of
from tests.integration.api.calling import Caller
from tests.integration.notifications.ledger import accept, mail

pytestmark = pytest.mark.django_db
KEY = "k" * 48


@pytest.fixture
def shop() -> Caller:
    key = make_api_key(organization=make_organization(), scopes=["send", "read", "admin"])
    return Caller({"X-API-Key": secret_of(key)})


def read_raw(model: Any) -> list[tuple[Any, ...]]:
    columns = ", ".join(sealed_columns(model))
    return run(f"SELECT {columns} FROM {model._meta.db_table}")  # noqa: S608, SLF001  # our own names


def test_no_sealed_column_holds_anything_readable(shop: Caller, broker: RabbitMQ) -> None:
    owner = make_user(email="canary@example.org", name="Canary")
    make_device(user=owner, token="canary-token")  # noqa: S106  # no secret
    accept(shop, mail(variables={"canary": 1}, metadata={"canary": 2}))
    shop.post("/suppressions", {"address": "canary@example.org", "note": "canary"})
    for model in sealed_models():
        for row in read_raw(model):
            assert "canary" not in repr(row)
            assert all(not text or text == "{}" or sealing_key(text) for text in row)


def test_a_row_reads_as_it_was_written(shop: Caller) -> None:
    body = mail(variables={"n": 1.5, "ü": ["x", None]}, metadata={})
    row = Notification.objects.get(pk=accept(shop, body))
    assert row.recipient == "ada@example.org"
    assert (row.variables, row.metadata) == ({"n": 1.5, "ü": ["x", None]}, {})
    assert row.content == body["content"]


def test_the_recipient_filter_finds_an_address_in_any_of_its_forms(shop: Caller) -> None:
    mine = accept(shop)
    accept(shop, mail(to={"email": "bob@example.org"}))
    answer = shop.get("/notifications?recipient=ADA@Example.org")
    assert [each["id"] for each in answer.data] == [str(mine)]


def test_comparing_a_sealed_column_is_an_error() -> None:
    with pytest.raises(FieldError, match="EncryptedTextField"):
        User.objects.filter(email="ada@example.org")
    with pytest.raises(FieldError):
        Notification.objects.filter(variables__name="Ada").first()


def test_addresses_and_tokens_have_one_index_everywhere() -> None:
    device = make_device(token="token-of-a-phone")  # noqa: S106  # a device's, which is no secret
    user = make_user(email="ADA@example.org")
    assert user.email_key == blind_index("ada@example.org")
    assert Device.objects.get(pk=device.pk).token_digest == blind_index("token-of-a-phone")


def test_what_no_key_opens_is_parked_alone_and_sent_once_the_key_is_back(
    shop: Caller, settings: Settings, broker: RabbitMQ
) -> None:
    neighbour = accept(shop)
    own = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = (KEY, *own)
    lost = accept(shop)
    settings.FIELD_ENCRYPTION_KEYS = own
    take_due(channel="email", limit=10)
    assert deliver_notifications(ids=[lost, neighbour]) == 2
    rows = Notification.objects.without_private().in_bulk([lost, neighbour])
    assert rows[neighbour].status == "sent"
    assert (rows[lost].status, rows[lost].reason) == ("pending", "misconfigured")
    assert (rows[lost].attempts, rows[lost].retries) == (0, 0)
    assert "FIELD_ENCRYPTION_KEYS lacks the key" in rows[lost].error
    assert shop.get(f"/notifications/{lost}").status == 503
    settings.FIELD_ENCRYPTION_KEYS = (KEY, *own)
    Notification.objects.filter(pk=lost).update(due_at=rows[lost].created_at)
    take_due(channel="email", limit=10)
    deliver_notifications(ids=[lost])
    assert Notification.objects.get(pk=lost).status == "sent"


def test_a_captured_message_is_sealed_and_shown(shop: Caller, broker: RabbitMQ) -> None:
    sent = accept(shop)
    take_due(channel="email", limit=10)
    deliver_notifications(ids=[sent])
    captured = CapturedMessage.objects.get(notification_id=sent)
    assert captured.recipient == "ada@example.org"
    assert "ada" not in json.dumps(read_raw(CapturedMessage))


def test_one_suppression_for_each_address_and_cause(shop: Caller) -> None:
    for address in ("ada@example.org", "ADA@EXAMPLE.ORG"):
        assert shop.post("/suppressions", {"address": address}).status in (200, 201)
    assert Suppression.objects.get().address == "ada@example.org"
    assert (
        shop.get("/suppressions?address=Ada@example.org").data[0]["address"] == "ada@example.org"
    )
