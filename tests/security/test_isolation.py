"""Organizations cannot see, count, name, repeat or change each other's things by any side door."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client, override_settings

from apps.notifications.models import Notification
from apps.users.models import Device
from notifier.authentication import SCOPES
from tests.factories import make_device, make_user
from tests.integration.api.calling import Answer, Caller, key_of, person
from tests.integration.notifications.ledger import CONTENT, accept, mail, to_user
from tests.security.scene import ADDRESS, CANARY, Scene

FAST = {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}


@pytest.fixture
def scene(db: None) -> Iterator[Scene]:
    with override_settings(**FAST):
        yield Scene()


@pytest.fixture
def stranger(scene: Scene) -> Caller:
    """Who may do everything in the other organization."""
    return scene.foreigners["key all"]


def text_of(answer: Answer) -> str:
    return json.dumps(answer.body)


# --- lists and their filters ------------------------------------------------------------------


def test_no_filter_finds_what_belongs_to_another_organization(
    scene: Scene, stranger: Caller
) -> None:
    queries = {
        "/users": (f"email={ADDRESS}", "role=member", "role=admin", "is_active=true"),
        "/templates": ("search=letter", "channel=email", "language=en"),
        "/notifications": (
            f"user_id={scene.ada.pk}",
            f"batch_id={scene.names['batch_id']}",
            "template_code=letter-of-ada",
            f"recipient={ADDRESS}",
            "status=sent",
            "notification_type=push",
            "cursor=",
            "created_after=2020-01-01T00:00:00Z",
        ),
        "/dead-letters": (
            f"error_code={CANARY}",
            "template_code=letter-of-ada",
            "provider=capture",
        ),
        "/suppressions": (f"address=suppressed-{ADDRESS}", "cause=hard_bounce", "channel=email"),
        "/api-keys": ("limit=100",),
    }
    for path, each in queries.items():
        for query in each:
            answer = stranger.get(f"{path}?{query}")
            assert answer.status == 200, query
            assert CANARY not in text_of(answer), query
            assert str(scene.ada.pk) not in text_of(answer), query
    statistics = stranger.get("/stats").data
    assert (statistics["providers"], statistics["per_hour"]) == ([], [])


def test_a_member_finds_only_its_own_by_any_filter(scene: Scene) -> None:
    member = scene.callers["member"]
    for query in (
        "",
        f"user_id={scene.ada.pk}",
        f"recipient={ADDRESS}",
        f"batch_id={scene.names['batch_id']}",
        "template_code=letter-of-ada",
        "status=sent",
    ):
        answer = member.get(f"/notifications?{query}")
        assert (answer.status, answer.data, answer.body["meta"]["total"]) == (200, [], 0), query
    assert person(scene.ada).get("/notifications").body["meta"]["total"] == 5


def test_a_cursor_leads_into_no_other_list(scene: Scene, stranger: Caller) -> None:
    mine = scene.callers["key all"].get("/notifications?limit=1").body["meta"]["next_cursor"]
    answer = stranger.get(f"/notifications?cursor={mine}")
    assert (answer.status, answer.data) == (200, [])


# --- naming somebody else's things in a body --------------------------------------------------


def test_bulk_rows_to_users_of_another_organization_are_unknown(scene: Scene) -> None:
    own = make_user(organization=scene.foreign)
    stranger = scene.foreigners["key all"]
    content = {"code": "own", "channel": "email", "content": CONTENT}
    assert stranger.post("/templates", content).status == 201
    recipients = [{"user_id": str(own.pk)}, {"user_id": str(scene.ada.pk)}]
    body = {"notification_type": "email", "template_code": "own", "recipients": recipients}
    answer = stranger.post("/notifications/bulk", body)
    assert answer.data["accepted"] == 1
    assert [(each["index"], each["error"]) for each in answer.data["rejected"]] == [
        (1, "not_found")
    ]
    assert CANARY not in text_of(answer)


def test_dead_letters_of_another_organization_are_not_among_those_that_match(
    scene: Scene, stranger: Caller
) -> None:
    ids = [str(scene.names["failed_id"])]
    for path in ("/dead-letters/replay", "/dead-letters/discard"):
        for selection in ({"ids": ids}, {"error_code": CANARY}, {"notification_type": "email"}):
            answer = stranger.post(path, selection)
            assert (answer.status, answer.data["matched"], answer.data["ids"]) == (202, 0, [])
    assert Notification.objects.get(pk=ids[0]).status == "failed"


def test_credentials_of_another_organization_are_not_valid(scene: Scene, stranger: Caller) -> None:
    token = person(scene.ada).headers["Authorization"].removeprefix("Bearer ")
    for body in ({"email": ADDRESS, "password": "correct horse battery"}, {"token": token}):
        answer = stranger.post("/auth/validate", body)
        assert answer.data == {"valid": False, "user": None}
        assert scene.callers["key all"].post("/auth/validate", body).data["valid"]


def test_a_device_token_known_elsewhere_stays_where_it_is(scene: Scene) -> None:
    own = make_user(organization=scene.foreign)
    body = {"token": f"{CANARY}-token", "platform": "ios"}
    stranger = scene.foreigners["key all"]
    assert stranger.post(f"/users/{own.pk}/devices", body).status == 201
    assert Device.objects.get(pk=scene.names["device_id"]).user_id == scene.ada.pk


def test_a_device_is_reached_through_its_owner_alone(scene: Scene) -> None:
    other = make_user(organization=scene.organization)
    device = make_device(user=other)
    for caller in (scene.callers["admin"], person(scene.ada)):
        path = f"/users/{scene.ada.pk}/devices/{device.pk}"
        assert caller.call("DELETE", path).status == 404


# --- request ids ------------------------------------------------------------------------------


def test_request_ids_of_two_organizations_have_nothing_to_do_with_each_other(
    scene: Scene, stranger: Caller
) -> None:
    body = mail(request_id="order-1812")
    first = scene.callers["key all"].post("/notifications", body)
    second = stranger.post("/notifications", body)
    assert (first.status, second.status) == (202, 202)
    assert first.data["notification_id"] != second.data["notification_id"]
    assert "Idempotent-Replayed" not in second.headers
    again = stranger.post("/notifications", body)
    assert (again.status, again.data["notification_id"]) == (200, second.data["notification_id"])


def test_bulk_request_ids_are_as_separate(scene: Scene, stranger: Caller) -> None:
    recipients = [{"to": {"email": "eve@example.org"}, "request_id": "row-1"}]
    body = {"notification_type": "email", "template_code": "own", "recipients": recipients}
    answers = []
    for caller in (scene.callers["key all"], stranger):
        caller.post("/templates", {"code": "own", "channel": "email", "content": CONTENT})
        answers.append(caller.post("/notifications/bulk", body | {"request_id": "bulk-1"}))
    assert [(each.status, each.data["accepted"]) for each in answers] == [(202, 1), (202, 1)]
    assert answers[0].data["batch_id"] != answers[1].data["batch_id"]


def test_a_callback_by_request_id_reaches_only_its_own_organization(
    scene: Scene, stranger: Caller
) -> None:
    accept(scene.callers["key all"], mail(request_id="order-7"))
    report = {"notification_id": "order-7", "status": "delivered"}
    assert stranger.post("/notifications/status", report).status == 404


def test_a_member_cannot_replay_the_answer_to_somebody_elses_request(scene: Scene) -> None:
    hers = to_user(scene.ada.pk, request_id="order-9")
    accept(scene.callers["key all"], hers)
    member = scene.callers["member"]
    assert member.post("/notifications", hers).status == 404
    mine = to_user(make_user(organization=scene.organization).pk, request_id="order-9")
    assert member.post("/notifications", mine).status == 404


# --- caches -----------------------------------------------------------------------------------


def test_a_cached_status_is_shown_only_to_whoever_may_read_it(scene: Scene) -> None:
    path = f"/notifications/{scene.names['notification_id']}/status"
    cache.clear()
    assert scene.callers["key read"].get(path).status == 200  # and is cached from here on
    for caller in (
        scene.foreigners["key all"],
        scene.foreigners["admin"],
        scene.callers["member"],
    ):
        assert caller.get(path).status == 404
    assert person(scene.ada).get(path).status == 200


def test_a_template_of_the_same_code_is_each_organizations_own(
    scene: Scene, stranger: Caller
) -> None:
    own = {"code": "letter-of-ada", "channel": "email", "content": CONTENT}
    preview, body = "/templates/letter-of-ada/preview", {"variables": {"name": "x"}}
    assert scene.callers["key all"].post(preview, body).status == 200  # and is cached from here on
    assert stranger.post("/templates", own).status == 201
    answer = stranger.post(preview, body)
    assert answer.data["rendered"]["subject"] == CONTENT["subject"]
    assert CANARY not in text_of(answer)


# --- the admin's pages and the commands -------------------------------------------------------


def open_admin(**rights: Any) -> Client:
    client = Client()
    client.force_login(make_user(**rights))
    return client


def list_admin_pages() -> list[str]:
    models = [model._meta for model in admin.site._registry]  # noqa: SLF001  # the list of pages
    return [f"/admin/{each.app_label}/{each.model_name}/" for each in models]


def test_an_admin_of_an_organization_is_no_operator(scene: Scene) -> None:
    for client in (Client(), open_admin(role="admin", organization=scene.organization)):
        for page in ("/admin/", *list_admin_pages()):
            answer = client.get(page)
            assert (answer.status_code, "/admin/login/" in answer["Location"]) == (302, True), page


def test_staff_without_permissions_sees_no_page_of_any_model(scene: Scene) -> None:
    client = open_admin(is_staff=True, organization=scene.organization)
    assert client.get("/admin/").status_code == 200
    for page in list_admin_pages():
        assert client.get(page).status_code == 403, page
        assert client.get(f"{page}add/").status_code in {403, 404}, page


def test_credentials_of_the_api_open_no_page_of_the_admin(scene: Scene) -> None:
    for caller in (scene.callers["admin"], scene.callers["key all"]):
        for page in list_admin_pages():
            assert caller.send("GET", f"/{page}").status_code == 302, page


def run(*arguments: str) -> Any:
    output = StringIO()
    call_command(*arguments, "--json", stdout=output)
    return json.loads(output.getvalue())


def test_commands_for_one_organization_leave_the_others_alone(scene: Scene) -> None:
    slug = ("--organization", scene.foreign.slug)
    assert run("replay_failed", *slug, "--error-code", CANARY)["matched"] == 0
    discard = ("discard_failed", *slug, "--error-code", CANARY, "--reason", "a test")
    assert run(*discard)["matched"] == 0
    assert Notification.objects.get(pk=scene.names["failed_id"]).status == "failed"
    made = run("create_api_key", "--name", "shell", "--scopes", ",".join(SCOPES), *slug)
    answer = Caller({"X-API-Key": made["key"]}).get(f"/users/{scene.ada.pk}")
    assert answer.status == 404


def test_a_key_made_by_the_api_has_no_more_than_its_scopes(scene: Scene) -> None:
    body = {"name": "shop", "scopes": ["send"]}
    made = scene.callers["key admin"].post("/api-keys", body).data["key"]
    caller = Caller({"X-API-Key": made})
    assert caller.get("/notifications").status == 403
    assert key_of(scene.organization, "read").get("/notifications").status == 200
