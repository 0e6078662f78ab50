"""What each line of authorization.md sends: its path, and the least body that is valid."""

from collections.abc import Callable
from typing import Any

from tests.factories import PASSWORD
from tests.integration.notifications.ledger import CONTENT, PUSH_CONTENT
from tests.security.matrix import Line
from tests.security.scene import LETTER, Names

Build = Callable[[Names], Any]
NEW_USER = {"name": "Eve", "email": "eve@example.org"}
TO_ADDRESS = {"to": {"email": "eve@example.org"}}
# The id in these paths means a notification in a state that allows what is asked.
STATES = {"cancel": "pending_id", "replay": "failed_id"}


def path_of(line: Line, names: Names) -> str:
    """Return the path below /api/v1, or after // below the root."""
    state = STATES.get(line.route.rpartition("/")[2])
    known = names | ({"notification_id": names[state]} if state else {})
    path = line.route if line.route.startswith("//") else f"/{line.route}"
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def body_of(line: Line, names: Names) -> Any:
    build = BODIES.get(str(line))
    return build(names) if build else None


def _fixed(body: Any) -> Build:
    return lambda _: body


def _notify(**message: Any) -> Build:
    return lambda names: {"user_id": str(names["user_id"]), **message}


def _report(name: str) -> Build:
    return lambda names: {"notification_id": str(names[name]), "status": "delivered"}


def _credentials(names: Names) -> Any:
    return {"email": names["email"], "password": PASSWORD}


def _letters(names: Names) -> Any:
    return {"ids": [str(names["failed_id"])]}


def _bulk(names: Names) -> Any:
    recipients = [TO_ADDRESS | {"variables": {"name": "Eve"}}]
    return {"notification_type": "email", "template_code": names["code"], "recipients": recipients}


def _from_template(names: Names) -> Any:
    message = {"template_code": names["code"], "variables": {"name": "Eve"}}
    return {"notification_type": "email", **TO_ADDRESS, **message}


BODIES: dict[str, Build] = {
    "POST auth/register": _fixed(NEW_USER | {"password": PASSWORD}),
    "POST auth/login": _credentials,
    "POST auth/refresh": lambda names: {"refresh_token": names["refresh_token"]},
    "POST auth/validate": _credentials,
    "POST users": _fixed(NEW_USER),
    "POST users (an admin)": _fixed(NEW_USER | {"role": "admin"}),
    "POST users (with a password)": _fixed(NEW_USER | {"password": f"new {PASSWORD}"}),
    "POST users (with a device)": _fixed(NEW_USER | {"push_token": "another-token"}),
    "POST users/create-account": _fixed(NEW_USER),
    "PATCH users/{user_id}": _fixed({"name": "Eve"}),
    "PATCH users/{user_id} (role)": _fixed({"role": "sender"}),
    "PATCH users/{user_id} (is_active)": _fixed({"is_active": False}),
    "PATCH users/{user_id} (password)": _fixed(
        {"current_password": PASSWORD, "password": f"new {PASSWORD}"}
    ),
    "PATCH users/{admin_id} (an admin's)": _fixed({"name": "Eve"}),
    "PUT users/{user_id}/preferences": _fixed({"email": False, "push": True}),
    "PATCH users/{user_id}/preferences": _fixed({"email": False}),
    "POST users/{user_id}/devices": _fixed({"token": "another-token", "platform": "web"}),
    "POST api-keys": _fixed({"name": "shop", "scopes": ["send"]}),
    "POST templates": _fixed({"code": "new", "channel": "push", "content": PUSH_CONTENT}),
    "POST templates/validate": _fixed({"channel": "push", "content": PUSH_CONTENT}),
    "PATCH templates/{code}": _fixed({"name": "Hello"}),
    "POST templates/{code}/versions": _fixed({"content": LETTER}),
    "POST templates/{code}/preview": _fixed({"variables": {"name": "Eve"}}),
    "POST notifications (to a user)": _notify(notification_type="email", content=CONTENT),
    "POST notifications (to an address)": _fixed(
        TO_ADDRESS | {"notification_type": "email", "content": CONTENT}
    ),
    "POST notifications (from a template)": _from_template,
    "POST notifications/email": _notify(content=CONTENT),
    "POST notifications/push": _notify(content=PUSH_CONTENT),
    "POST notifications/bulk": _bulk,
    "POST notifications/status": _report("notification_id"),
    "POST notifications/email/status": _report("notification_id"),
    "POST notifications/push/status": _report("push_id"),
    "POST email/status": _report("notification_id"),
    "POST push/status": _report("push_id"),
    "POST dead-letters/replay": _letters,
    "POST dead-letters/discard": _letters,
    "POST suppressions": _fixed({"address": "eve@example.org"}),
    "POST webhooks/{provider}": _fixed({}),
}
