"""Nobody sets what is not his to set, and no answer holds what only we may know."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from apps.users.models import User
from tests.factories import PASSWORD
from tests.integration.api.calling import Caller, person
from tests.integration.notifications.ledger import CONTENT, mail
from tests.security.matrix import read_lines
from tests.security.requests_of_matrix import path_of
from tests.security.scene import Scene
from tests.security.untouched import fingerprint_of

USER_COLUMNS: dict[str, Any] = {
    "id": "01890000-0000-7000-8000-000000000000",
    "organization_id": "01890000-0000-7000-8000-000000000000",
    "is_staff": True,
    "is_superuser": True,
    "groups": [1],
    "user_permissions": [1],
    "password_hash": "x",
    "email_key": "eve@example.org",
    "email_enabled": False,
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "erased_at": None,
    "last_login": None,
}
NOTIFICATION_COLUMNS: dict[str, Any] = {
    "id": "01890000-0000-7000-8000-000000000000",
    "organization_id": "01890000-0000-7000-8000-000000000000",
    "status": "sent",
    "attempts": 7,
    "mode": "live",
    "provider": "main",
    "batch_id": "01890000-0000-7000-8000-000000000000",
    "recipient": "eve@example.org",
    "due_at": "2020-01-01T00:00:00Z",
    "delivery_guarantee": "at_most_once",
    "correlation_id": "x",
}
TEMPLATE_COLUMNS: dict[str, Any] = {
    "organization_id": "x",
    "created_by": "x",
    "versions": [],
    "published": {},
}
KEY_COLUMNS: dict[str, Any] = {
    "organization_id": "x",
    "digest": "x",
    "prefix": "x",
    "key": "x",
    "created_by": "x",
}
# What an answer may never name. A device's token is its owner's, and shown to it.
SECRET_NAMES = {"password", "password_hash", "digest", "email_key", "token_digest", "is_superuser"}


@pytest.fixture
def scene(db: None) -> Iterator[Scene]:
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=hashers):
        yield Scene()


def requests_that_set(scene: Scene) -> Iterator[tuple[Caller, str, str, dict[str, Any]]]:
    """Yield caller, method, path and body with one column too many."""
    admin, ada = scene.callers["key all"], person(scene.ada)
    user = f"/users/{scene.ada.pk}"
    new = {"name": "Eve", "email": "eve@example.org"}
    for column in ({name: value} for name, value in USER_COLUMNS.items()):
        yield admin, "PATCH", user, column
        yield ada, "PATCH", user, column
        yield admin, "POST", "/users", new | column
        yield Caller(), "POST", "/auth/register", new | {"password": PASSWORD} | column
    yield Caller(), "POST", "/auth/register", new | {"password": PASSWORD, "role": "admin"}
    for column in ({name: value} for name, value in NOTIFICATION_COLUMNS.items()):
        yield admin, "POST", "/notifications", mail(**column)
    for column in ({name: value} for name, value in TEMPLATE_COLUMNS.items()):
        yield (
            admin,
            "POST",
            "/templates",
            {"code": "n", "channel": "email", "content": CONTENT} | column,
        )
        yield admin, "PATCH", "/templates/letter-of-ada", column
    yield admin, "PATCH", "/templates/letter-of-ada", {"code": "other"}
    for column in ({name: value} for name, value in KEY_COLUMNS.items()):
        yield admin, "POST", "/api-keys", {"name": "n", "scopes": ["send"]} | column


def test_a_column_that_is_not_the_callers_is_refused_by_name(scene: Scene) -> None:
    requests = list(requests_that_set(scene))
    before = fingerprint_of(scene.organization.pk)
    for caller, method, path, body in requests:
        answer = caller.call(method, path, body)
        extra = list(body)[-1]
        assert (answer.status, answer.error) == (400, "validation_error"), (path, extra)
        assert answer.fields == [extra], path
    assert fingerprint_of(scene.organization.pk) == before
    assert not User.objects.filter(is_staff=True).exists()


def test_no_answer_names_a_secret(scene: Scene) -> None:
    everything, ada = scene.callers["key all"], person(scene.ada)
    lines = [line for line in read_lines() if line.method == "GET" and "//" not in line.route]
    for line in lines:
        for caller in (everything, ada):
            answer = caller.get(path_of(line, scene.names))
            assert not set(list_names(answer.body)) & SECRET_NAMES, line


def list_names(value: Any) -> Iterator[str]:
    """Yield every name at every depth of an answer."""
    if isinstance(value, dict):
        yield from value
        for child in value.values():
            yield from list_names(child)
    elif isinstance(value, list):
        for child in value:
            yield from list_names(child)


# --- bodies that mean two things --------------------------------------------------------------


def test_of_two_equal_names_the_last_counts_for_everybody(scene: Scene) -> None:
    raw = b'{"name": "First", "name": "Last"}'
    answer = person(scene.ada).call("PATCH", f"/users/{scene.ada.pk}", raw)
    assert (answer.status, answer.data["name"]) == (200, "Last")


def test_a_second_name_smuggles_no_right(scene: Scene) -> None:
    raw = b'{"role": "member", "role": "admin"}'
    answer = person(scene.ada).call("PATCH", f"/users/{scene.ada.pk}", raw)
    assert answer.status == 403
    assert User.objects.get(pk=scene.ada.pk).role == "member"


def test_a_compressed_body_is_never_inflated(scene: Scene) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    for path in ("/notifications", "/notifications/bulk", "/users", "/auth/login"):
        answer = scene.callers["key all"].post(path, bomb, Content_Encoding="gzip")
        assert (answer.status, answer.error) == (400, "validation_error"), path


def test_a_template_code_is_plain_ascii(scene: Scene) -> None:
    for code in (
        "w\u0435lcome",
        "welcome\u200b",
        "\uff57elcome",
        "Welcome",
        "../x",
        "a b",
        "-a",
        "validate",
    ):
        body = {"code": code, "channel": "email", "content": CONTENT}
        assert scene.callers["key all"].post("/templates", body).status == 400, code


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b"])
def test_a_subject_of_a_template_is_one_line(scene: Scene, line_break: str) -> None:
    content = {"subject": f"Hi{line_break}Bcc: eve@example.org", "text": "Hello"}
    caller = scene.callers["key all"]
    body = {"code": "two-lines", "channel": "email", "content": content}
    for path, sent in (
        ("/templates", body),
        ("/templates/letter-of-ada/versions", {"content": content}),
    ):
        answer = caller.post(path, sent)
        assert (answer.status, answer.fields) == (400, ["content.subject"]), path
    found = caller.post("/templates/validate", {"channel": "email", "content": content})
    assert (found.data["valid"], found.data["errors"][0]["part"]) == (False, "subject")
