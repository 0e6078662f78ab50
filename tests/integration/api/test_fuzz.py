"""Random damage to good requests never makes a 500."""

import json
import random
import time
from typing import Any

import pytest

from notifier.models import Organization
from tests.integration.api.calling import key_of, read_answer
from tests.integration.api.damage import list_paths, replace_at
from tests.integration.api.routes import CONTRACT, Row
from tests.integration.api.world import World
from tests.integration.notifications.ledger import mail

pytestmark = pytest.mark.django_db
WRITING = [row for row in CONTRACT if row.method in {"POST", "PUT", "PATCH"}]
ABOUT = ["pending", "sent", "failed", "push"]
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    5,
    2**31,
    2**63,
    -(2**63) - 1,
    10**40,
    0.1,
    1e308,
    "",
    " ",
    "a",
    "a\x00",
    "\ud800",
    "\u202e",
    "🎉" * 300,
    "x" * 70_000,
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:60Z",
    "00000000-0000-0000-0000-000000000000",
    "{{ name }}",
    "{% for a in (1..9999999) %}x{% endfor %}",
    "{{",
    "a@example.org",
    "http://[::1",
    "'; DROP TABLE users_user; --",
    [],
    {},
    [[]],
    {"": ""},
    {"a": {"b": {"c": [None]}}},
]


def test_random_bodies_never_make_a_500(organization: Organization) -> None:
    world, chance = World(organization), random.Random(1812)  # noqa: S311  # the same each time
    begun = time.monotonic()
    for _ in range(300):
        row = chance.choice(WRITING)
        row = Row(row.method, row.route, row.status, row.who, row.body, chance.choice(ABOUT))
        body = damage(row.body(world) or {}, chance)
        raw = json.dumps(body).encode()
        response = world.callers[row.who].send(row.method, row.path(world), raw)
        assert response.status_code < 500, (row, body)
        read_answer(response)
    assert time.monotonic() - begun < 20


def damage(body: Any, chance: random.Random) -> Any:
    """Change a body in one to three places."""
    for _ in range(chance.randint(1, 3)):
        paths = list(list_paths(body))
        if not paths or chance.random() < 0.1:
            body = {**body, chance.choice(["a", "content", "user_id", "id"]): _strange(chance)}
        else:
            body = replace_at(body, chance.choice(paths), _strange(chance))
        if not isinstance(body, dict):
            break
    return body


def _strange(chance: random.Random) -> Any:
    value = chance.choice(STRANGE)
    if chance.random() < 0.2:
        return {str(value)[:50]: chance.choice(STRANGE)}
    return [value] * chance.randint(1, 50) if chance.random() < 0.1 else value


def test_random_bytes_never_make_a_500(organization: Organization) -> None:
    key, chance = key_of(organization, "send"), random.Random(1815)  # noqa: S311  # as above
    whole = json.dumps(mail()).encode()
    for _ in range(100):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(raw))] = chance.choice(b'\x00\n"[{}]:,\\\xc3\xff')
        assert key.post("/notifications", bytes(raw)).status in {202, 400, 422}, raw
