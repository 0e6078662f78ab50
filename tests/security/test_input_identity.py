"""Who is meant: exactly one address, one account for all spellings, and ids that are ids."""

from typing import Any

import pytest

from apps.notifications.models import Notification
from apps.users.models import User
from notifier.authentication import SCOPES
from tests.factories import make_organization
from tests.integration.api.calling import Caller, key_of
from tests.integration.notifications.ledger import CONTENT, mail

pytestmark = pytest.mark.django_db
SEVERAL = (
    "a@example.org, b@example.org",
    "a@example.org;b@example.org",
    'a@example.org,"b" <b@example.org>',
    '"a" <a@example.org>,b@example.org',
    "Ada <a@example.org>",
    "a@example.org\r\nBcc: b@example.org",
    "a@example.org%0d%0aBcc:b@example.org",
    "a@b@example.org",
)
LINES = ("Hi\r\nBcc: b@example.org", "Hi\nBcc: b@example.org", "a\u2028b", "a\x85b", "a\x0bb")
# All of them look like or mean ada@example.org.
SPELLINGS = (
    "ADA@EXAMPLE.ORG",
    "ada@EXAMPLE\u3002org",
    "\uff41\uff44\uff41@example.org",
    "ada@\uff45xample.org",
    "\u24d0da@example.org",
)
UNSEEN = (
    "ada\u200b@example.org",
    "\u202eada@example.org",
    "ada@exa\u00admple.org",
    "ada\ufeff@example.org",
)
NO_IDS: tuple[Any, ...] = (False, True, 0, 12, 1.5, [], {}, "", "1", "true", "x" * 36, None)
UNSTORABLE = (b'"a\\u0000b"', b'"a\\ud800b"', b"NaN", b"1e999", b"9" * 4301, b"[" * 100_000)


@pytest.fixture
def caller() -> Caller:
    return key_of(make_organization(), *SCOPES)


@pytest.mark.parametrize("address", SEVERAL)
def test_several_addresses_in_one_are_refused_wherever_one_is_taken(
    caller: Caller, address: str
) -> None:
    for path, body in (
        ("/notifications", mail(to={"email": address})),
        ("/users", {"name": "Ada", "email": address}),
        ("/suppressions", {"address": address}),
        ("/auth/register", {"name": "Ada", "email": address, "password": "correct horse battery"}),
    ):
        assert caller.post(path, body).status == 400, path
    bulk = {"notification_type": "email", "content": CONTENT, "template_code": None}
    answer = caller.post(
        "/notifications/bulk", bulk | {"recipients": [{"to": {"email": address}}]}
    )
    assert answer.status in (202, 400)
    assert not Notification.objects.exists()


@pytest.mark.parametrize("text", LINES)
def test_no_name_or_subject_has_a_second_line(caller: Caller, text: str) -> None:
    for path, body in (
        ("/notifications", mail(content=CONTENT | {"subject": text})),
        ("/users", {"name": text, "email": "a@example.org"}),
        ("/api-keys", {"name": text, "scopes": ["send"]}),
        ("/templates", {"code": "n", "channel": "email", "content": CONTENT | {"subject": text}}),
    ):
        assert caller.post(path, body).status == 400, path
    assert not Notification.objects.exists()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_second_account_that_looks_the_same_is_a_conflict(caller: Caller, spelling: str) -> None:
    assert caller.post("/users", {"name": "Ada", "email": "ada@example.org"}).status == 201
    assert caller.post("/users", {"name": "Eve", "email": spelling}).status in (400, 409)
    assert User.objects.count() == 1


@pytest.mark.parametrize("address", UNSEEN)
def test_an_address_with_characters_that_nobody_sees_is_refused(
    caller: Caller, address: str
) -> None:
    assert caller.post("/users", {"name": "Eve", "email": address}).status == 400


@pytest.mark.parametrize("value", NO_IDS, ids=repr)
def test_what_is_no_id_is_refused_by_name(caller: Caller, value: Any) -> None:
    answer = caller.post(
        "/notifications", {"notification_type": "email", "user_id": value, "content": CONTENT}
    )
    assert answer.status == 400
    assert caller.post("/notifications/bulk", {"notification_type": value}).status == 400
    assert not Notification.objects.exists()


@pytest.mark.parametrize("value", UNSTORABLE, ids=lambda value: repr(value[:12]))
@pytest.mark.parametrize("place", ["value", "key"])
def test_what_cannot_be_stored_is_the_callers_error(
    caller: Caller, value: bytes, place: str
) -> None:
    inside = b'{"a": ' + value + b"}" if place == "value" else b"{" + value + b": 1}"
    raw = b'{"notification_type": "email", "to": {"email": "a@example.org"}, "variables": '
    answer = caller.post(
        "/notifications", raw + inside + b', "content": {"subject": "a", "text": "b"}}'
    )
    assert (answer.status, answer.error) == (400, "validation_error")


@pytest.mark.parametrize("text", ["%00", "%ED%A0%80", "%FF", "9" * 400, "%0d%0aX:y"])
@pytest.mark.parametrize(
    "name", ["page", "limit", "cursor", "user_id", "recipient", "created_after"]
)
def test_no_query_is_answered_with_an_error_of_ours(caller: Caller, name: str, text: str) -> None:
    for path in ("/notifications", "/users", "/templates", "/suppressions", "/dead-letters"):
        answer = caller.get(f"{path}?{name}={text}")
        assert answer.status in (200, 400), (path, answer.body)
