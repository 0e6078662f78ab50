"""The list itself: read, added to and taken from, by API and in the admin."""

from uuid import uuid4

import pytest
from django.test import Client

from apps.notifications.models import Suppression
from apps.users.models import User
from notifier.models import Organization
from tests.factories import PASSWORD, make_organization, make_user
from tests.integration.api.calling import Caller, key_of, person
from tests.integration.suppression.mailing import suppress

pytestmark = pytest.mark.django_db
LIST = "/suppressions"
ADMIN = "/admin/notifications/suppression/"


@pytest.fixture
def boss(organization: Organization) -> Caller:
    return key_of(organization, "admin", "read")


def addresses(caller: Caller, query: str = "") -> list[str]:
    return [entry["address"] for entry in caller.get(f"{LIST}{query}").data]


def test_an_address_is_added_once_and_shown(organization: Organization) -> None:
    user = make_user(organization=organization, role="admin")
    body = {"address": "Ada@Example.org", "note": "asked by phone"}
    first = person(user).post(LIST, body)
    assert first.status == 201
    assert first.data["address"] == "ada@example.org"
    assert (first.data["cause"], first.data["scope"]) == ("manual", "all")
    assert (first.data["source"], first.data["note"]) == ("api", "asked by phone")
    assert first.data["created_by"] == str(user.pk)
    again = person(user).post(LIST, body | {"note": "again"})
    assert (again.status, again.data) == (200, first.data)


def test_a_list_from_elsewhere_keeps_its_causes(boss: Caller) -> None:
    scopes = {
        cause: boss.post(LIST, {"address": "ada@example.org", "cause": cause}).data["scope"]
        for cause in ("hard_bounce", "complaint", "unsubscribe")
    }
    assert scopes == {"hard_bounce": "all", "complaint": "all", "unsubscribe": "marketing"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "nobody"}, "address"),
        ({"address": "ada@example.org, eve@example.org"}, "address"),
        ({"address": ""}, "address"),
        ({"address": "two words", "channel": "push"}, "address"),
        ({"address": "x" * 1017, "channel": "push"}, "address"),
        ({"address": "ada@example.org", "channel": "fax"}, "channel"),
        ({"address": "ada@example.org", "cause": "hate"}, "cause"),
        ({"address": "ada@example.org", "scope": "all"}, "scope"),
        ({}, "address"),
    ],
)
def test_what_is_no_address_is_refused(boss: Caller, body: dict[str, str], field: str) -> None:
    answer = boss.post(LIST, body)
    assert (answer.status, answer.fields) == (400, [field])


def test_the_list_is_filtered(organization: Organization, boss: Caller) -> None:
    suppress(organization, "ada@example.org", "complaint")
    suppress(organization, "eve@example.org", "unsubscribe")
    suppress(organization, "a-device-token", channel="push")
    suppress(make_organization(), "mallory@example.org")
    assert addresses(boss) == ["a-device-token", "eve@example.org", "ada@example.org"]
    assert addresses(boss, "?channel=push") == ["a-device-token"]
    assert addresses(boss, "?address=ADA@example.org") == ["ada@example.org"]
    assert addresses(boss, "?address=a-device-token") == ["a-device-token"]
    assert addresses(boss, "?cause=unsubscribe") == ["eve@example.org"]
    assert addresses(boss, "?limit=1&page=2") == ["eve@example.org"]
    assert boss.get(f"{LIST}?cause=hate").fields == ["cause"]


def test_removing_one_cause_leaves_the_others(organization: Organization, boss: Caller) -> None:
    bounce = suppress(organization, "ada@example.org", "hard_bounce")
    suppress(organization, "ada@example.org", "unsubscribe")
    assert boss.call("DELETE", f"{LIST}/{bounce.pk}").status == 200
    assert boss.call("DELETE", f"{LIST}/{bounce.pk}").status == 404
    assert Suppression.objects.get().cause == "unsubscribe"


def test_another_organizations_entry_does_not_exist(boss: Caller) -> None:
    theirs = suppress(make_organization(), "ada@example.org")
    for pk in (theirs.pk, uuid4()):
        assert boss.call("DELETE", f"{LIST}/{pk}").status == 404
    assert Suppression.objects.count() == 1


def test_reading_needs_read_and_writing_needs_admin(organization: Organization) -> None:
    entry = suppress(organization, "ada@example.org")
    reader, sender = key_of(organization, "read"), key_of(organization, "send")
    assert reader.get(LIST).status == 200
    assert sender.get(LIST).status == 403
    for caller in (reader, sender):
        assert caller.post(LIST, {"address": "eve@example.org"}).status == 403
        assert caller.call("DELETE", f"{LIST}/{entry.pk}").status == 403


@pytest.fixture
def operator(organization: Organization) -> Client:
    user = User.objects.create_superuser(email="operator@example.org", password=PASSWORD)
    client = Client()
    client.force_login(user)
    return client


def test_an_operator_adds_and_removes_in_the_admin(
    operator: Client, organization: Organization
) -> None:
    form = {
        "organization": organization.pk,
        "channel": "email",
        "address": "Ada@Example.org",
        "cause": "manual",
        "note": "",
    }
    assert operator.get(f"{ADMIN}add/").status_code == 200
    assert operator.post(f"{ADMIN}add/", form).status_code == 302
    entry = Suppression.objects.get()
    assert (entry.address, entry.scope, entry.source) == ("ada@example.org", "all", "admin")
    assert entry.created_by
    assert entry.created_by.email == "operator@example.org"
    for wrong in ("ada@EXAMPLE.org", "nobody"):
        assert operator.post(f"{ADMIN}add/", form | {"address": wrong}).status_code == 200
    assert Suppression.objects.count() == 1
    page = operator.get(f"{ADMIN}{entry.pk}/change/")
    assert page.status_code == 200
    assert b"ada@example.org" in operator.get(f"{ADMIN}?q=ADA@example.org").content
    assert b"ada@example.org" not in operator.get(f"{ADMIN}?q=ada").content
    assert operator.post(f"{ADMIN}{entry.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Suppression.objects.exists()
