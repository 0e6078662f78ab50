"""A real server, asked whatever its schema suggests, answers as its schema says and never 500."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.security.fuzzing import Known, answered_with_success, known_things, run_schemathesis
from tests.security.live_web import LiveWeb

pytestmark = pytest.mark.timeout(600)  # of the test alone; see TIME_LIMIT
ADA = {"name": "Ada", "email": "ada@example.org", "push_token": "token-of-a-phone"}
WELCOME = {"subject": "Welcome, {{ name }}", "text": "Hello {{ name }}"}
PING = {"title": "Hi {{ name }}", "body": "Look at this"}


@pytest.fixture(scope="module")
def known(web: LiveWeb, key: str) -> Known:
    """One of everything, so that a request can be about it."""

    def make(path: str, body: Any) -> Any:
        return web.ask("POST", path, key=key, body=body)

    user = make("/users", ADA)["id"]
    for code, channel, content in (("welcome", "email", WELCOME), ("ping", "push", PING)):
        make("/templates", {"code": code, "channel": channel, "content": content})
    order = {"user_id": user, "template_code": "welcome", "variables": {"name": "Ada"}}
    bulk = {"recipients": [{"user_id": user, "variables": {"name": "Ada"}}]}
    kind = {"notification_type": "email", "template_code": "welcome"}
    created = {
        "user": user,
        "device": web.ask("GET", f"/users/{user}/devices", key=key)[0]["id"],
        "key": make("/api-keys", {"name": "other", "scopes": ["send"]})["id"],
        "notifications": [
            make("/notifications/email", order)["notification_id"] for _ in range(3)
        ],
        "batch": make("/notifications/bulk", kind | bulk)["batch_id"],
        "suppression": make("/suppressions", {"address": "gone@example.org"})["id"],
    }
    return known_things(created)


def test_a_key_for_everything_gets_only_documented_answers(
    web: LiveWeb, key: str, known: Known, tmp_path: Path
) -> None:
    faults = run_schemathesis(
        url=web.url,
        folder=tmp_path,
        known=known,
        headers={"X-API-Key": key},
        phases="examples,coverage,fuzzing",
    )
    assert not faults, faults
    # Refusals alone would prove little. Some take more luck than others to get right.
    answered = answered_with_success(requests.get(f"{web.url}/metrics", timeout=10).text)
    operations = list_operations(web)
    assert len(operations & answered) > 0.75 * len(operations)


def test_strangers_get_only_documented_answers(web: LiveWeb, known: Known, tmp_path: Path) -> None:
    faults = run_schemathesis(
        url=web.url, folder=tmp_path, known=known, headers={}, phases="examples,fuzzing"
    )
    assert not faults, faults


def list_operations(web: LiveWeb) -> set[tuple[str, str]]:
    kind = {"Accept": "application/vnd.oai.openapi+json"}
    schema = requests.get(f"{web.url}/api/schema", headers=kind, timeout=10).json()
    return {(method, path) for path, methods in schema["paths"].items() for method in methods}
