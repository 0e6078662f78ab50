"""Everything wrong in a request is a 4xx in the envelope, with nothing stored."""

from typing import Any

import pytest
from django.test import Client

from apps.users.api.urls import urlpatterns
from apps.users.models import User
from tests.factories import PASSWORD, make_user
from tests.integration.users.conftest import API, Caller

pytestmark = pytest.mark.django_db
NEW = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": False}, "email"),
        ({"email": "a@x.org, b@y.org"}, "email"),
        ({"email": "a@x.org;b@y.org"}, "email"),
        ({"email": '"a" <a@x.org>,b@y'}, "email"),
        ({"email": "a@x.org\r\nBcc: b@y.org"}, "email"),
        ({"email": "a\u200b@x.org"}, "email"),
        ({"email": "\u202ea@x.org"}, "email"),
        ({"email": "a" * 255 + "@x.org"}, "email"),
        ({"email": "erased-1@erased.invalid"}, "email"),
        ({"name": 1}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a\r\nBcc: b@y.org"}, "name"),
        ({"name": "a\u2028b"}, "name"),
        ({"name": "\u202ea"}, "name"),
        ({"name": "a" * 201}, "name"),
        ({"name": None}, "name"),
        ({"language": "english!"}, "language"),
        ({"language": "en\n"}, "language"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "America"}, "timezone"),
        ({"preferences": {"sms": True}}, "preferences.sms"),
        ({"preferences": {"email": "yes"}}, "preferences.email"),
        ({"push_token": "a b c d e f g"}, "token"),
        ({"platform": "fridge"}, "platform"),
        ({"is_superuser": True}, "is_superuser"),
    ],
)
def test_a_wrong_field_is_named(anyone: Caller, change: dict[str, Any], field: str) -> None:
    status, answer = anyone.post("/auth/register", NEW | change)
    assert (status, answer["error"]) == (400, "validation_error")
    assert answer["data"]["errors"][0]["field"] == field
    assert not User.objects.exists()


def test_all_faults_are_told_at_once(anyone: Caller) -> None:
    body = NEW | {"language": "?", "timezone": "?"}
    _, answer = anyone.post("/auth/register", body)
    assert [fault["field"] for fault in answer["data"]["errors"]] == ["language", "timezone"]


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b"null",
        b'{"email": "a\\u0000@x.org", "password": "correct horse"}',
        b'{"email": "a\\ud800@x.org", "password": "correct horse"}',
        b'{"email": "\xff@x.org", "password": "correct horse"}',
        b'{"email": NaN, "password": "correct horse"}',
        b'{"email": 1e999, "password": "correct horse"}',
        b"[" * 100_000,
    ],
)
def test_a_broken_body_is_a_400(anyone: Caller, raw: bytes) -> None:
    status, answer = anyone.post("/auth/login", raw)
    assert (status, answer["success"]) == (400, False)


def test_other_content_types_are_a_415(anyone: Caller) -> None:
    response = Client().post(f"{API}/auth/login", {"email": "a@example.org"})
    assert (response.status_code, response.json()["error"]) == (415, "unsupported_media_type")


def test_a_path_that_names_no_id_is_a_404(as_user: Any) -> None:
    caller = as_user(make_user(role="admin"))
    for path in ("/users/1", "/users/x/devices", "/api-keys/1", "/users/me/x"):
        status, answer = caller.get(path)
        assert (status, answer["error"]) == (404, "not_found"), path
    assert caller.get("/users/email/nobody")[0] == 400
    assert caller.get("/users/email/%00@x.org")[0] == 400


def test_a_method_that_is_not_there_is_a_405(as_user: Any) -> None:
    caller = as_user(make_user(role="admin"))
    for method, path in (
        ("DELETE", "/users"),
        ("GET", "/users/create-account"),
        ("OPTIONS", "/users"),
    ):
        status, answer = caller.call(method, path)
        assert (status, answer["error"]) == (405, "method_not_allowed"), path


def test_every_route_answers_with_and_without_the_trailing_slash(as_user: Any) -> None:
    user = make_user(role="admin")
    caller = as_user(user)
    for path in ("/users", "/users/me", f"/users/{user.pk}", f"/users/email/{user.email}"):
        assert caller.get(path)[1]["data"] == caller.get(f"{path}/")[1]["data"]
    body = {"email": user.email, "password": PASSWORD}
    assert Caller().post("/auth/login/", body)[0] == 200
    spelled = {str(pattern.pattern) for pattern in urlpatterns}
    assert {route.strip("/") for route in spelled} < spelled
    assert {f"{route.strip('/')}/" for route in spelled} < spelled
