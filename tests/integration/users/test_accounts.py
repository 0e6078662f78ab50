"""Users: who may read, make, change and erase whom."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from apps.users.models import Device, User
from tests.factories import PASSWORD, make_api_key, make_device, make_user
from tests.integration.users.conftest import Caller, bearer, requests_about

pytestmark = pytest.mark.django_db


def test_a_user_reads_itself_by_id_address_and_as_me(as_user: Any) -> None:
    user = make_user()
    caller = as_user(user)
    for path in (f"/users/{user.pk}", f"/users/email/{user.email}", "/users/me"):
        status, answer = caller.get(path)
        assert (status, answer["data"]["id"]) == (200, str(user.pk)), path


def test_an_answer_holds_what_is_promised_and_no_secret(as_user: Any) -> None:
    user = make_user()
    data = as_user(user).get("/users/me")[1]["data"]
    assert data.keys() == {
        "id",
        "organization_id",
        "email",
        "name",
        "role",
        "language",
        "timezone",
        "preferences",
        "is_active",
        "created_at",
        "updated_at",
    }
    assert data["preferences"] == {"email": True, "push": True}
    assert data["created_at"].endswith("Z")
    assert datetime.fromisoformat(data["created_at"]) == User.objects.get(pk=user.pk).created_at


def test_an_api_key_is_nobody(as_key: Any) -> None:
    assert as_key(make_api_key(scopes=["users", "admin"])).get("/users/me")[0] == 404


def test_an_administrator_creates_a_user_with_its_first_device(as_key: Any) -> None:
    key = make_api_key(scopes=["users"])
    body = {
        "name": " Ada ",
        "email": "ada@example.org",
        "push_token": "fMEkz3Yb-token",
        "preferences": {"email": False},
        "language": "pt-BR",
        "timezone": "Europe/Berlin",
    }
    for number, path in enumerate(("/users", "/users/create-account")):
        body |= {"email": f"ada-{number}@example.org"}
        status, answer = as_key(key).post(path, body)
        assert status == 201, answer
        user = User.objects.get(pk=answer["data"]["id"])
        assert (user.organization_id, user.name, user.role) == (
            key.organization_id,
            "Ada",
            "member",
        )
        assert (user.email_enabled, user.push_enabled) == (False, True)
        assert not user.has_usable_password()
        assert user.devices.get().platform == "android"


def test_a_failed_creation_leaves_nothing(as_key: Any) -> None:
    caller = as_key(make_api_key(scopes=["users"]))
    make_user(email="taken@example.org")
    body = {"name": "Ada", "email": "taken@example.org", "push_token": "fMEkz3Yb-token"}
    assert caller.post("/users", body)[0] == 409
    assert (
        caller.post("/users", body | {"email": "a@example.org", "push_token": "a b c d e f"})[0]
        == 400
    )
    assert User.objects.count() == 1
    assert not Device.objects.exists()


def test_only_admins_give_roles(as_key: Any, as_user: Any) -> None:
    body = {"name": "Ada", "email": "ada@example.org", "role": "admin"}
    assert as_key(make_api_key(scopes=["users"])).post("/users", body)[0] == 403
    assert as_user(make_user(role="admin")).post("/users", body)[0] == 201


def test_the_list_is_of_the_organization_newest_first_and_filtered(as_user: Any) -> None:
    admin = make_user(role="admin")
    member = make_user(organization=admin.organization, is_active=False)
    make_user()
    caller = as_user(admin)

    def ids(query: str = "") -> list[str]:
        return [user["id"] for user in caller.get(f"/users{query}")[1]["data"]]

    assert ids() == [str(member.pk), str(admin.pk)]
    assert ids("?role=admin") == [str(admin.pk)]
    assert ids("?is_active=false") == [str(member.pk)]
    assert ids(f"?email={member.email.upper()}") == [str(member.pk)]
    _, answer = caller.get("/users?limit=1&page=2")
    assert [user["id"] for user in answer["data"]] == [str(admin.pk)]
    assert answer["meta"] == {
        "total": 2,
        "limit": 1,
        "page": 2,
        "total_pages": 2,
        "has_next": False,
        "has_previous": True,
    }


@pytest.mark.parametrize(
    "query", ["role=boss", "is_active=yes", "email=nobody", "limit=101", "page=0", "email=%00"]
)
def test_a_filter_that_cannot_be_is_a_400(as_user: Any, query: str) -> None:
    assert as_user(make_user(role="admin")).get(f"/users?{query}")[0] == 400


def test_what_is_somebody_elses_answers_as_what_does_not_exist(as_user: Any, as_key: Any) -> None:
    device = make_device()
    user = device.user
    callers = {
        "member of the same organization": as_user(make_user(organization=user.organization)),
        "sender": as_user(make_user(organization=user.organization, role="sender")),
        "admin elsewhere": as_user(make_user(role="admin")),
        "key elsewhere": as_key(make_api_key(scopes=["users", "admin"])),
        "key without the scope": as_key(make_api_key(organization=user.organization)),
    }
    real = requests_about(user.pk, device.pk, user.email)
    unknown = requests_about(uuid4(), uuid4(), "nobody@example.org")
    for name, caller in callers.items():
        for (method, path, body), (_, unknown_path, _) in zip(real, unknown, strict=True):
            status, answer = caller.call(method, path, body)
            expected_status, expected = caller.call(method, unknown_path, body)
            assert (status, expected_status) == (404, 404), (name, method, path)
            assert answer["message"] == expected["message"]
    user.refresh_from_db()
    assert (user.name, user.email_enabled, user.devices.count()) == ("Ada", True, 1)


def test_strangers_get_nothing(anyone: Caller) -> None:
    device = make_device()
    requests = requests_about(device.user.pk, device.pk, device.user.email)
    others = ["/users", "/users/me", "/api-keys"]
    for method, path, body in [*requests, *(("GET", path, None) for path in others)]:
        assert anyone.call(method, path, body)[0] == 401, (method, path)
    for path in ("/users", "/users/create-account", "/api-keys", "/auth/logout"):
        assert anyone.post(path, {})[0] == 401, path


def test_administration_is_closed_to_members_and_senders(as_user: Any) -> None:
    new = {"name": "Ada", "email": "ada@example.org"}
    for role in ("member", "sender"):
        caller = as_user(make_user(role=role))
        for path in ("/users", "/api-keys"):
            assert caller.get(path)[0] == 403, (role, path)
        for path in ("/users", "/users/create-account", "/api-keys"):
            assert caller.post(path, new)[0] == 403, (role, path)
        assert caller.delete(f"/api-keys/{uuid4()}")[0] == 403


def test_a_member_changes_its_own_data(as_user: Any) -> None:
    user = make_user()
    changes = {
        "name": "Ada King",
        "email": "King@example.org",
        "language": "en-GB",
        "timezone": "Europe/London",
        "preferences": {"push": False},
    }
    status, answer = as_user(user).patch(f"/users/{user.pk}", changes)
    assert status == 200
    assert answer["data"]["preferences"] == {"email": True, "push": False}
    assert {name: answer["data"][name] for name in ("name", "email", "timezone")} == {
        "name": "Ada King",
        "email": "King@example.org",
        "timezone": "Europe/London",
    }
    assert User.objects.get(pk=user.pk).updated_at > user.updated_at


@pytest.mark.parametrize("change", [{"role": "admin"}, {"is_active": True}])
def test_a_member_does_not_change_its_rights(as_user: Any, change: dict[str, Any]) -> None:
    user = make_user()
    assert as_user(user).patch(f"/users/{user.pk}", change)[0] == 403


@pytest.mark.parametrize(
    "field",
    ["is_staff", "is_superuser", "organization_id", "password_hash", "created_at", "id"],
)
def test_what_no_request_may_set_is_refused_by_name(as_user: Any, field: str) -> None:
    user = make_user(role="admin")
    status, answer = as_user(user).patch(f"/users/{user.pk}", {field: "1"})
    assert (status, answer["data"]["errors"][0]["field"]) == (400, field)


def test_changing_to_an_address_that_is_taken_is_a_conflict(as_user: Any) -> None:
    user, other = make_user(), make_user()
    body = {"email": other.email.upper()}
    assert as_user(user).patch(f"/users/{user.pk}", body)[0] == 409


def test_an_admin_changes_role_and_activity_of_others(as_user: Any) -> None:
    admin = make_user(role="admin")
    user = make_user(organization=admin.organization)
    member, caller = as_user(user), as_user(admin)
    status, answer = caller.patch(f"/users/{user.pk}", {"role": "sender"})
    assert (status, answer["data"]["role"]) == (200, "sender")
    assert caller.patch(f"/users/{user.pk}", {"is_active": False})[0] == 200
    assert member.get("/users/me")[0] == 401
    caller.patch(f"/users/{user.pk}", {"is_active": True})
    assert member.get("/users/me")[0] == 401, "the old session stays closed"


def test_the_scope_users_reaches_members_not_admins(as_key: Any) -> None:
    admin = make_user(role="admin")
    member = make_user(organization=admin.organization)
    key = as_key(make_api_key(organization=admin.organization, scopes=["users"]))
    assert key.patch(f"/users/{member.pk}", {"is_active": False})[0] == 200
    assert key.patch(f"/users/{member.pk}", {"role": "admin"})[0] == 403
    assert key.patch(f"/users/{admin.pk}", {"email": "eve@example.org"})[0] == 403
    assert key.delete(f"/users/{admin.pk}")[0] == 403
    assert key.get(f"/users/{admin.pk}")[0] == 200


def test_a_new_password_needs_the_old_one_and_ends_all_sessions(
    sign_in: Any, anyone: Caller
) -> None:
    user = make_user()
    first, second = sign_in(user), sign_in(user)
    caller, path = bearer(first["access_token"]), f"/users/{user.pk}"
    new = {"password": "another long password"}
    assert caller.patch(path, new)[0] == 400
    assert caller.patch(path, {"current_password": PASSWORD})[0] == 400
    assert caller.patch(path, new | {"current_password": "wrong"})[0] == 400
    assert caller.patch(path, {"password": "short", "current_password": PASSWORD})[0] == 400
    assert caller.patch(path, new | {"current_password": PASSWORD})[0] == 200
    for tokens in (first, second):
        assert bearer(tokens["access_token"]).get("/users/me")[0] == 401
        refresh = {"refresh_token": tokens["refresh_token"]}
        assert anyone.post("/auth/refresh", refresh)[0] == 401
    assert anyone.post("/auth/login", {"email": user.email, "password": PASSWORD})[0] == 401
    assert anyone.post("/auth/login", {"email": user.email} | new)[0] == 200


def test_nobody_changes_the_password_of_another(as_user: Any) -> None:
    admin = make_user(role="admin")
    user = make_user(organization=admin.organization)
    body = {"current_password": PASSWORD, "password": "another long password"}
    assert as_user(admin).patch(f"/users/{user.pk}", body)[0] == 403


def test_preferences_are_set_whole_or_in_part(as_user: Any) -> None:
    user = make_user()
    caller, path = as_user(user), f"/users/{user.pk}/preferences"
    assert caller.get(path)[1]["data"] == {"email": True, "push": True}
    assert caller.patch(path, {"push": False})[1]["data"] == {"email": True, "push": False}
    both = {"email": False, "push": True}
    assert caller.put(path, both)[1]["data"] == both
    assert caller.put(path, {"email": True})[0] == 400
    assert caller.get(path)[1]["data"] == both
