"""A person gets all that is kept about it; nobody else but an admin does."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from apps.notifications.models import Notification
from apps.users.models import User
from apps.users.models.accounts import index_email
from tests.factories import make_device, make_organization, make_user
from tests.integration.api.calling import key_of, person
from tests.integration.notifications.ledger import accept, mail, to_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    user = make_user(organization=make_organization(), email="ada@example.org", name="Ada")
    make_device(user=user, token="token-of-a-phone")  # noqa: S106  # a device's, which is no secret
    shop = key_of(user.organization, "send", "admin")
    accept(shop, to_user(user.pk, variables={"a": 1}))
    accept(shop, mail())
    shop.post("/suppressions", {"address": "ada@example.org"})
    return user


def test_a_person_gets_everything(ada: User) -> None:
    answer = person(ada).get(f"/users/{ada.pk}/export")
    assert answer.status == 200
    assert answer.data["account"]["email"] == "ada@example.org"
    assert answer.data["devices"][0]["token"] == "token-of-a-phone"  # noqa: S105  # no secret
    assert [each["variables"] for each in answer.data["notifications"]] == [{"a": 1}]
    assert answer.data["is_complete"] is True


def test_an_admin_also_gets_what_went_to_the_bare_address(ada: User) -> None:
    admin = person(make_user(organization=ada.organization, role="admin"))
    answer = admin.get(f"/users/{ada.pk}/export")
    assert [each["variables"] for each in answer.data["notifications"]] == [{}, {"a": 1}]
    assert answer.data["suppressions"][0]["address"] == "ada@example.org"


def test_whoever_claims_an_address_neither_reads_nor_empties_what_went_to_it(ada: User) -> None:
    shop = key_of(ada.organization, "send")
    accept(shop, mail(to={"email": "victim@example.org"}))
    thief = make_user(organization=ada.organization, email="victim@example.org")
    assert person(thief).get(f"/users/{thief.pk}/export").data["notifications"] == []
    assert person(thief).call("DELETE", f"/users/{thief.pk}").status == 200
    letter = Notification.objects.get(recipient_index=index_email("victim@example.org"))
    assert letter.recipient == "victim@example.org"


def test_another_users_notifications_stay_its_own(ada: User) -> None:
    ada.email, ada.email_key = "ada@new.example.org", index_email("ada@new.example.org")
    ada.save()
    later = make_user(organization=ada.organization, email="ada@example.org")
    admin = person(make_user(organization=ada.organization, role="admin"))
    found = admin.get(f"/users/{later.pk}/export").data["notifications"]
    assert [each["variables"] for each in found] == [{}]


def test_an_admin_may_and_others_learn_nothing(ada: User) -> None:
    path = f"/users/{ada.pk}/export"
    for role, status in (("admin", 200), ("sender", 404), ("member", 404)):
        other = make_user(organization=ada.organization, role=role)
        assert person(other).get(path).status == status, role
    assert person(make_user(role="admin")).get(path).status == 404
    assert key_of(ada.organization, "users").get(path).status == 404


def test_the_command_writes_the_same(ada: User) -> None:
    for name in (str(ada.pk), "ADA@example.org"):
        out = StringIO()
        call_command("export_user", name, stdout=out)
        exported = json.loads(out.getvalue())
        assert exported["account"]["name"] == "Ada"
        assert len(exported["notifications"]) == 2
