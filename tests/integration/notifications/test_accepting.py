"""POST /notifications and its relatives: who may, what is stored, what is answered."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from apps.notifications.models import Notification
from apps.users.services import erase_user
from notifier.authentication import SCOPES, Principal, Scope
from notifier.models import Organization
from tests.factories import make_device, make_organization, make_user
from tests.integration.api.calling import Answer, Caller, key_of, person
from tests.integration.api.world import add_templates
from tests.integration.notifications.ledger import CONTENT, accept, finish, mail, push, to_user

pytestmark = pytest.mark.django_db
ADA = {"name": "Ada"}


def nothing_is_stored() -> bool:
    return not Notification.objects.exists()


def from_template(code: str = "welcome", **changes: Any) -> dict[str, Any]:
    body = mail(template_code=code, variables=ADA) | changes
    return {name: value for name, value in body.items() if name != "content"}


@pytest.fixture
def sender(organization: Organization) -> Caller:
    return key_of(organization, "send")


def test_a_202_says_what_was_stored_and_where(sender: Caller) -> None:
    answer = sender.post("/notifications", mail(request_id="order-1"), X_Correlation_ID="shop-7")
    stored = Notification.objects.get()
    assert answer.status == 202
    assert answer.body["message"] == "Notification accepted"
    assert answer.headers["Location"] == f"/api/v1/notifications/{stored.pk}"
    assert "Idempotent-Replayed" not in answer.headers
    assert {
        "notification_id": str(stored.pk),
        "request_id": "order-1",
        "notification_type": "email",
        "status": "pending",
    }.items() <= answer.data.items()
    assert datetime.fromisoformat(answer.data["created_at"]) == stored.created_at
    assert answer.data["created_at"].endswith("Z")
    assert UUID(answer.data["notification_id"]).version == 7
    assert (stored.correlation_id, stored.priority, stored.mode) == ("shop-7", 5, "live")
    assert [event.status for event in stored.events.all()] == ["pending"]


@pytest.mark.parametrize(("path", "body"), [("email", mail()), ("push", push())])
def test_the_type_may_stand_in_the_path(sender: Caller, path: str, body: dict[str, Any]) -> None:
    short = {name: value for name, value in body.items() if name != "notification_type"}
    answer = sender.post(f"/notifications/{path}", short)
    assert (answer.status, answer.data["notification_type"]) == (202, path)
    refused = sender.post(f"/notifications/{path}", body)
    assert (refused.status, refused.fields) == (400, ["notification_type"])


# --- who may ---------------------------------------------------------------------------------


def test_a_member_notifies_itself_and_nobody_else(organization: Organization) -> None:
    user, other = (make_user(organization=organization) for _ in range(2))
    member = person(user)
    assert member.post("/notifications", to_user(user.pk)).status == 202
    to_other = member.post("/notifications", to_user(other.pk))
    assert (to_other.status, to_other.error) == (404, "not_found")
    to_address = member.post("/notifications", mail())
    assert (to_address.status, to_address.error) == (403, "permission_denied")
    assert member.post("/notifications/bulk", {}).status == 403
    assert Notification.objects.count() == 1


@pytest.mark.parametrize("role", ["sender", "admin"])
def test_senders_and_admins_notify_their_organization(
    organization: Organization, role: str
) -> None:
    caller = person(make_user(organization=organization, role=role))
    user, stranger = make_user(organization=organization), make_user()
    assert caller.post("/notifications", to_user(user.pk)).status == 202
    assert caller.post("/notifications", mail()).status == 202
    assert caller.post("/notifications", to_user(stranger.pk)).status == 404


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_needs_the_scope_send(organization: Organization, scope: Scope) -> None:
    user, key = make_user(organization=organization), key_of(organization, scope)
    expected = 202 if scope == "send" else 403
    assert key.post("/notifications", to_user(user.pk)).status == expected
    assert key.post("/notifications", mail()).status == expected


def test_test_keys_accept_and_record_their_mode(organization: Organization) -> None:
    caller = key_of(organization, "send", "read", mode="test")
    notification_id = accept(caller, mail(request_id="one"))
    assert caller.get(f"/notifications/{notification_id}").data["mode"] == "test"
    live = key_of(organization, "send").post("/notifications", mail(request_id="one"))
    assert live.error == "idempotency_mismatch"


def test_who_may_not_send_learns_nothing_from_a_request_id(organization: Organization) -> None:
    user, member = make_user(organization=organization), make_user(organization=organization)
    body = to_user(user.pk, request_id="order-1")
    accept(key_of(organization, "send"), body)
    assert person(member).post("/notifications", body).status == 404
    assert key_of(organization, "read").post("/notifications", body).status == 403


# --- asking twice ----------------------------------------------------------------------------


def test_the_same_request_gets_the_first_answer_again(sender: Caller) -> None:
    first = sender.post("/notifications", mail(request_id="order-1"))
    finish(UUID(first.data["notification_id"]))
    again = sender.post("/notifications", mail(request_id="order-1"))
    assert (again.status, again.data) == (200, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert Notification.objects.count() == 1


def test_another_body_under_the_same_request_id_is_refused(sender: Caller) -> None:
    accept(sender, mail(request_id="order-1"))
    for change in ({"priority": 6}, {"metadata": {"a": 1}}, {"to": {"email": "b@example.org"}}):
        answer = sender.post("/notifications", mail(request_id="order-1") | change)
        assert (answer.status, answer.error) == (422, "idempotency_mismatch")
    assert Notification.objects.count() == 1


def test_the_idempotency_key_is_an_alias_of_request_id(sender: Caller) -> None:
    first = sender.post("/notifications", mail(), Idempotency_Key="order-1")
    assert (first.status, first.data["request_id"]) == (202, "order-1")
    again = sender.post("/notifications", mail(request_id="order-1"))
    both = sender.post("/notifications", mail(request_id="order-1"), Idempotency_Key="order-1")
    assert (again.status, both.status) == (200, 200)
    assert again.data == both.data == first.data


def test_a_request_id_and_a_different_idempotency_key_are_refused(sender: Caller) -> None:
    answer = sender.post("/notifications", mail(request_id="order-1"), Idempotency_Key="order-2")
    assert (answer.status, answer.error) == (400, "validation_error")
    assert nothing_is_stored()


@pytest.mark.parametrize("key", ["", "two words", "ä", "x" * 256])
def test_an_impossible_idempotency_key_is_refused(sender: Caller, key: str) -> None:
    answer = sender.post("/notifications", mail(), Idempotency_Key=key)
    assert (answer.status, answer.fields) == (400, ["Idempotency-Key"])
    assert nothing_is_stored()


def test_organizations_do_not_share_request_ids(sender: Caller) -> None:
    other = key_of(make_organization(), "send")
    assert accept(sender, mail(request_id="one")) != accept(other, mail(request_id="one"))


@pytest.mark.django_db(transaction=True)
def test_fifty_identical_concurrent_posts_create_one(organization: Organization) -> None:
    sender = key_of(organization, "send")

    def post(_: int) -> Answer:
        try:
            return sender.post("/notifications", mail(request_id="order-1"))
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(post, range(50)))
    assert Counter(answer.status for answer in answers) == {202: 1, 200: 49}
    assert len({answer.data["notification_id"] for answer in answers}) == 1
    assert Notification.objects.count() == 1


# --- what and to whom ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_id": str(uuid4())}, "user_id"),
        ({"to": None}, "user_id"),
        ({"template_code": "welcome"}, "template_code"),
        ({"content": None}, "template_code"),
        ({"to": {}}, "to"),
        ({"to": {"push_token": "token-of-a-phone", "platform": "ios"}}, "to"),
        ({"to": {"email": "ada@example.org", "platform": "ios"}}, "to"),
        ({"to": {"email": "no address"}}, "to.email"),
        ({"content": {"subject": "Hi"}}, "content.text"),
        ({"content": {"title": "Hi", "body": "there"}}, "content.title"),
        ({"content": {"subject": "Hi", "text": "{{ name"}}, "content.text"),
        ({"notification_type": "fax"}, "notification_type"),
        ({"priority": 0}, "priority"),
        ({"priority": 11}, "priority"),
        ({"priority": 5.5}, "priority"),
        ({"priority": True}, "priority"),
        ({"request_id": ""}, "request_id"),
        ({"request_id": "two words"}, "request_id"),
        ({"request_id": "x" * 256}, "request_id"),
        ({"language": "english!"}, "language"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_a_contradictory_order_is_refused_by_field(
    sender: Caller, change: dict[str, Any], field: str
) -> None:
    answer = sender.post("/notifications", mail() | change)
    assert (answer.status, answer.error) == (400, "validation_error"), answer.body
    assert answer.fields[0] == field, answer.body
    assert nothing_is_stored()


@pytest.mark.parametrize("priority", [1, 10])
def test_priority_goes_from_1_to_10(sender: Caller, priority: int) -> None:
    stored = Notification.objects.get(pk=accept(sender, mail(priority=priority)))
    assert stored.priority == priority


@pytest.mark.parametrize(
    "to",
    [
        {"push_token": "token-of-a-phone"},
        {"platform": "ios"},
        {"push_token": "short", "platform": "ios"},
        {"push_token": "t" * 4097, "platform": "ios"},
        {"push_token": "token with blanks", "platform": "ios"},
        {"push_token": "token-of-a-phone", "platform": "fridge"},
        {"push_token": "token-of-a-phone", "platform": "ios", "email": "ada@example.org"},
    ],
)
def test_a_push_needs_a_token_and_its_platform(sender: Caller, to: dict[str, str]) -> None:
    assert sender.post("/notifications", push(to=to)).status == 400
    assert nothing_is_stored()


def test_unknown_users_and_templates_are_a_404(sender: Caller, organization: Organization) -> None:
    add_templates(make_organization())  # somebody else's
    erased = make_user(organization=organization)
    caller = Principal(organization_id=organization.pk, scopes=frozenset(SCOPES))
    erase_user(caller=caller, user_id=erased.pk, now=timezone.now())
    for body in (to_user(uuid4()), to_user(erased.pk), from_template(), from_template("none")):
        answer = sender.post("/notifications", body)
        assert (answer.status, answer.error) == (404, "not_found")
    assert nothing_is_stored()


def test_missing_variables_are_named(sender: Caller, organization: Organization) -> None:
    add_templates(organization)
    answer = sender.post("/notifications", from_template(variables={}))
    assert (answer.status, answer.error) == (422, "unprocessable")
    assert answer.fields == ["variables.name"]
    assert "name" in answer.body["message"]
    own = mail(content={"subject": "Hi {{ who }}", "text": "{{ order.number }}"})
    answer = sender.post("/notifications", own)
    assert answer.status == 422
    assert set(answer.fields) == {"variables.who", "variables.order.number"}
    assert nothing_is_stored()


def test_a_template_of_the_other_channel_is_refused(
    sender: Caller, organization: Organization
) -> None:
    add_templates(organization)
    answer = sender.post("/notifications", from_template("ping"))
    assert (answer.status, answer.error) == (422, "unprocessable")
    assert nothing_is_stored()


def test_a_template_and_its_version_are_recorded(
    sender: Caller, organization: Organization
) -> None:
    add_templates(organization)
    accept(sender, from_template(language="pt-BR", metadata={"order": 7}))
    stored = Notification.objects.select_related("template_version").get()
    assert stored.template_version is not None
    assert (stored.template_code, stored.template_version.number) == ("welcome", 1)
    assert (stored.language, stored.variables, stored.metadata) == ("en", ADA, {"order": 7})


# --- when ------------------------------------------------------------------------------------


def in_hours(hours: float) -> str:
    return (timezone.now() + timedelta(hours=hours)).isoformat()


def test_a_schedule_is_kept(sender: Caller) -> None:
    later, end = in_hours(2), in_hours(3)
    stored = Notification.objects.get(pk=accept(sender, mail(scheduled_at=later, expires_at=end)))
    assert stored.status == "pending"
    assert (stored.due_at.isoformat(), stored.expires_at) == (later, datetime.fromisoformat(end))


def test_a_time_with_another_offset_is_the_same_moment(sender: Caller) -> None:
    accept(sender, mail(scheduled_at="2031-05-01T12:00:00+05:30"))
    assert Notification.objects.get().due_at.isoformat() == "2031-05-01T06:30:00+00:00"


def test_what_was_scheduled_in_the_past_is_due_now(sender: Caller) -> None:
    finish(accept(sender, mail(scheduled_at=in_hours(-1))))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scheduled_at": "2031-05-01T12:00:00"}, "scheduled_at"),
        ({"scheduled_at": "tomorrow"}, "scheduled_at"),
        ({"scheduled_at": 1893456000}, "scheduled_at"),
        ({"scheduled_at": "9999-12-31T23:59:59-01:00"}, "scheduled_at"),
        ({"scheduled_at": "0001-01-01T00:00:00+01:00"}, "scheduled_at"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        (
            {"scheduled_at": "2031-05-01T12:00:00Z", "expires_at": "2031-05-01T12:00:00Z"},
            "expires_at",
        ),
    ],
)
def test_impossible_times_are_refused(sender: Caller, change: dict[str, Any], field: str) -> None:
    answer = sender.post("/notifications", mail() | change)
    assert (answer.status, answer.fields) == (400, [field])
    assert nothing_is_stored()


# --- who must not get it ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "user", "reason"),
    [
        ("email", {"email_enabled": False}, "preference_off"),
        ("push", {"push_enabled": False}, "preference_off"),
        ("email", {"is_active": False}, "user_inactive"),
        ("push", {}, "no_device"),
    ],
)
def test_what_must_not_be_sent_is_skipped_with_its_reason(
    organization: Organization, channel: str, user: dict[str, Any], reason: str
) -> None:
    caller, somebody = (
        key_of(organization, "send", "read"),
        make_user(organization=organization, **user),
    )
    body = mail() if channel == "email" else push()
    body = {name: value for name, value in body.items() if name != "to"}
    answer = caller.post("/notifications", body | {"user_id": str(somebody.pk)})
    assert (answer.status, answer.data["status"]) == (202, "skipped")
    assert answer.data["reason"] == reason
    events = caller.get(f"{answer.headers['Location'].removeprefix('/api/v1')}/timeline").data
    assert [(event["status"], event["reason"]) for event in events] == [("skipped", reason)]


def test_the_other_channels_preference_does_not_count(organization: Organization) -> None:
    user = make_user(organization=organization, email_enabled=False)
    make_device(user=user)
    body = {"user_id": str(user.pk), "content": {"title": "Hi", "body": "there"}}
    answer = key_of(organization, "send").post("/notifications/push", body)
    assert (answer.status, answer.data["status"]) == (202, "pending")


def test_content_and_variables_come_back_as_they_were(sender: Caller) -> None:
    content = CONTENT | {"subject": "Grüße, {{ wer }} 🎉"}
    accept(sender, mail(content=content, variables={"wer": "Zoë", "n": [1, None, 0.5, True]}))
    stored = Notification.objects.get()
    assert stored.content == content
    assert stored.variables == {"wer": "Zoë", "n": [1, None, 0.5, True]}
