"""Spec 3.7: whatever is wrong in a body is the client's 4xx, and nothing is stored."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apps.notifications.models import Notification
from notifier.models import Organization
from tests.integration.api.calling import Answer
from tests.integration.api.damage import BODIES, USER, list_paths, replace_at
from tests.integration.api.world import WELCOME, World
from tests.integration.notifications.ledger import CONTENT, mail

pytestmark = pytest.mark.django_db
MIB = 1024 * 1024


def send(world: World, path: str, body: Any, **headers: str) -> Answer:
    """POST with every right that there is, and answer within a second."""
    who = "anyone" if path.startswith("/auth") else "key"
    begun = time.monotonic()
    answer = world.callers[who].post(path, body, **headers)
    assert time.monotonic() - begun < 1, path
    return answer


NO_OBJECTS = [
    b" ",
    b"{",
    b"[]",
    b"null",
    b"false",
    b'"text"',
    b"{}{}",
    b"{'a': 1}",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a": ' + b"9" * 100_000 + b"}",
    b"[" * 40 + b'"' + b'\\"' * 500_000,
    b'{"a": "' + b"\\" * 1_000_001,
    b"[]" * 500_000,
    b"[" + b"{}," * 300_000 + b"{}]",
]


def test_a_body_that_is_no_object_is_a_400(world: World) -> None:
    for raw in NO_OBJECTS:
        for path, _ in BODIES:
            answer = send(world, path, raw, Content_Type="application/json")
            assert (answer.status, answer.error) == (400, "validation_error"), path


def test_brackets_in_a_text_are_no_depth(organization: Organization) -> None:
    text = 'a "quoted" \\ ' + "[{" * 100 + " \\u0000"
    body = mail(variables={"a": text}, metadata={"n": [[{}]] * 100})
    answer = send(World(organization), "/notifications", body)
    assert (answer.status, Notification.objects.latest("id").variables) == (202, {"a": text})


def poisoned(body: dict[str, Any], value: bytes) -> Iterator[bytes]:
    """Return the body with `value` in its first place and in its last, which lies deepest."""
    marker, (first, *_, last) = "here-goes-the-poison", list_paths(body)
    for path in (first, last):
        raw = json.dumps(replace_at(body, path, marker)).encode()
        yield raw.replace(f'"{marker}"'.encode(), value)


UNSENDABLE = [
    b'"a\\u0000b"',
    b'"a\\ud800b"',
    b'"a\\udc00"',
    b'"\xff"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"a\x00b"',
    b'"line\nbreak"',
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"-1e999",
    b"[" * 40 + b"]" * 40,
    b'{"a":' * 950 + b"1" + b"}" * 950,
]


def test_what_no_message_can_carry_is_a_400_wherever_it_stands(world: World) -> None:
    for value in UNSENDABLE:
        for path, body in BODIES:
            for raw in poisoned(body, value):
                answer = send(world, path, raw)
                assert (answer.status, answer.error) == (400, "validation_error"), raw[:300]


def wrong_types(right: Any) -> list[Any]:
    """A list of anything is a bulk request whose rows are bad: each is answered by its index."""
    other: list[Any] = ["text"] if isinstance(right, dict | list) else [{}, [[]]]
    return [False, 12, -0.5, *other]


def test_a_wrong_type_is_a_400_that_names_the_field(world: World) -> None:
    for path, body in BODIES:
        for name, right in body.items():
            for value in wrong_types(right):
                answer = send(world, path, body | {name: value})
                assert (answer.status, answer.error) == (400, "validation_error"), (path, name)
                assert answer.fields[0].startswith(name), (path, name, value)


def test_an_id_that_is_false_is_named(world: World) -> None:
    body = mail(user_id=False)
    del body["to"]
    answer = send(world, "/notifications", body)
    assert (answer.status, answer.fields) == (400, ["user_id"])
    assert answer.body["message"].startswith("user_id: ")


def test_unknown_fields_are_named(world: World) -> None:
    for path, body in BODIES:
        answer = send(world, path, body | {"colour": "red"})
        assert (answer.status, answer.fields) == (400, ["colour"]), path
        assert answer.data["errors"][0]["code"] == "unknown_field"
    answer = send(world, "/notifications", mail(to={"email": "a@example.org", "bcc": "b"}))
    assert answer.fields == ["to.bcc"]


OVER_LONG: list[tuple[str, dict[str, Any]]] = [
    ("/users", {"name": "x" * 201}),
    ("/users", {"email": f"{'x' * 250}@example.org"}),
    ("/users", {"push_token": "x" * 4097}),
    ("/users", {"password": "x" * 1025}),
    ("/api-keys", {"name": "x" * 201}),
    ("/templates", {"code": "x" * 101}),
    ("/templates", {"name": "x" * 201}),
    ("/templates", {"content": WELCOME | {"subject": "x" * 70_000}}),
    ("/notifications", {"to": {"email": f"{'x' * 250}@example.org"}}),
    ("/notifications", {"request_id": "x" * 256}),
    ("/notifications", {"template_code": "x" * 101, "content": None}),
    ("/notifications", {"content": CONTENT | {"text": "x" * 70_000}}),
    ("/notifications", {"variables": {"a": "x" * 300_000}}),
    ("/notifications", {"variables": {"x" * 300_000: 1}}),
    ("/notifications", {"metadata": {"a": "x" * 300_000}}),
    ("/notifications", {"metadata": {"a": 10**50}}),
    ("/notifications", {"metadata": {"a": [[[[[[[[[1]]]]]]]]]}}),
    ("/notifications/push", {"to": {"push_token": "x" * 4097, "platform": "ios"}}),
    ("/notifications/status", {"notification_id": "x" * 256}),
    ("/notifications/status", {"error": "x" * 2001}),
    ("/dead-letters/discard", {"reason": "x" * 501}),
    ("/dead-letters/discard", {"provider": "x" * 101}),
]


def test_an_over_long_field_is_a_400(world: World) -> None:
    for path, change in OVER_LONG:
        answer = send(world, path, dict(BODIES)[path] | change)
        assert (answer.status, answer.error) == (400, "validation_error"), path


def test_a_body_over_1_mib_is_a_413(world: World) -> None:
    for path, body in BODIES:
        if path != "/notifications/bulk":
            raw = json.dumps(body).encode()
            answer = send(world, path, raw[:-1] + b" " * (MIB + 1 - len(raw)) + b"}")
            assert (answer.status, answer.error) == (413, "payload_too_large"), path


OTHER_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "json",
]


def test_another_content_type_is_a_415(world: World) -> None:
    for kind in OTHER_TYPES:
        for path, body in BODIES:
            answer = send(world, path, body, Content_Type=kind)
            assert (answer.status, answer.error) == (415, "unsupported_media_type"), path


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON;x=1"])
def test_json_may_come_with_parameters(organization: Organization, kind: str) -> None:
    world = World(organization)
    for path, body in BODIES:
        answer = send(world, path, body, Content_Type=kind)
        assert answer.status != 415, path


# --- addresses and headers -------------------------------------------------------------------


NO_ADDRESSES = [
    "a@example.org, b@example.org",
    "a@example.org;b@example.org",
    "a@example.org b@example.org",
    "Ada <a@example.org>",
    "<a@example.org>",
    "a@example.org\r\nBcc: b@example.org",
    "a@example.org\n",
    " a@example.org",
    "a\u200b@example.org",
    "a@exa\u202emple.org",
    "a@example.org%0aBcc:b@example.org",
    "a@b@example.org",
    "a@",
    "@example.org",
    "",
]


def test_only_one_plain_address_is_taken(world: World) -> None:
    for address in NO_ADDRESSES:
        for path, body in (
            ("/users", USER | {"email": address}),
            ("/notifications", mail(to={"email": address})),
        ):
            answer = send(world, path, body)
            assert (answer.status, answer.error) == (400, "validation_error"), path


LINES = ["Hi\r\nBcc: b@example.org", "Hi\nthere", "a\u2028b", "a\x85b"]


def test_headers_cannot_be_injected_by_names_and_subjects(world: World) -> None:
    for text in LINES:
        assert send(world, "/users", USER | {"name": text}).status == 400
        assert send(world, "/api-keys", {"name": text, "scopes": ["send"]}).status == 400
        own = mail(content=CONTENT | {"subject": text})
        answer = send(world, "/notifications", own)
        assert (answer.status, answer.fields) == (400, ["content.subject"])
