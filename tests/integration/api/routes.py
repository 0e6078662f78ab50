"""The contract's routes (spec 3.4, 3.5, 3.6): method, route, who, minimal valid body, status."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.factories import PASSWORD
from tests.integration.api.world import PING, WELCOME, World
from tests.integration.notifications.ledger import CONTENT, PUSH_CONTENT, mail, push

Body = Callable[[World], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the contract; `about` is which notification the route's id means."""

    method: str
    route: str
    status: int
    who: str = "admin"
    body: Body = lambda _: None
    about: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    def path(self, world: World) -> str:
        path = f"/{self.route}"
        names = world.names | {"notification_id": world.names.get(self.about, "")}
        for name, value in names.items():
            for kind in ("uuid", "str", "int", "slug"):
                path = path.replace(f"<{kind}:{name}>", str(value))
        return path


def _fixed(body: Any) -> Body:
    return lambda _: body


def _report(about: str) -> Body:
    return lambda world: {"notification_id": str(world.names[about]), "status": "delivered"}


def _letters(world: World) -> Any:
    return {"ids": [str(world.names["failed"])]}


_NEW_USER = {"name": "Eve", "email": "eve@example.org"}
_SIGN_UP = _fixed(_NEW_USER | {"password": PASSWORD})
_USER = "users/<uuid:user_id>"
_ONE = "notifications/<uuid:notification_id>"
_PREFERENCES = _fixed({"email": False, "push": True})
_TO = {"email": "ada@example.org"}
_TO_PHONE = {"push_token": "token-of-a-phone", "platform": "ios"}

ACCOUNTS = [
    Row("POST", "auth/register", 201, "anyone", _SIGN_UP),
    Row(
        "POST",
        "auth/login",
        200,
        "anyone",
        lambda world: {"email": world.member.email, "password": PASSWORD},
    ),
    Row("POST", "auth/refresh", 200, "anyone", lambda w: {"refresh_token": w.refresh_token}),
    Row("POST", "auth/logout", 200),
    Row("POST", "auth/validate", 200),
    Row("GET", "users", 200),
    Row("POST", "users", 201, body=_fixed(_NEW_USER)),
    Row("POST", "users/create-account", 201, "key", _fixed(_NEW_USER)),
    Row("GET", "users/me", 200),
    Row("GET", "users/email/<str:email>", 200),
    Row("GET", _USER, 200),
    Row("PATCH", _USER, 200, body=_fixed({"name": "Eve"})),
    Row("DELETE", _USER, 200),
    Row("GET", f"{_USER}/export", 200),
    Row("GET", f"{_USER}/preferences", 200),
    Row("PUT", f"{_USER}/preferences", 200, body=_PREFERENCES),
    Row("PATCH", f"{_USER}/preferences", 200, body=_fixed({"email": False})),
    Row("GET", f"{_USER}/devices", 200),
    Row(
        "POST",
        f"{_USER}/devices",
        201,
        body=_fixed({"token": "another-token", "platform": "web"}),
    ),
    Row("DELETE", f"{_USER}/devices/<uuid:device_id>", 200),
    Row("GET", "api-keys", 200),
    Row("POST", "api-keys", 201, body=_fixed({"name": "shop", "scopes": ["send"]})),
    Row("DELETE", "api-keys/<uuid:key_id>", 200),
    Row("POST", "api-keys/<uuid:key_id>/rotate", 200),
    Row("GET", "audit-log", 200),
]
TEMPLATES = [
    Row("GET", "templates", 200),
    Row(
        "POST",
        "templates",
        201,
        body=_fixed({"code": "new", "channel": "push", "name": "New", "content": PING}),
    ),
    Row("POST", "templates/validate", 200, body=_fixed({"channel": "push", "content": PING})),
    Row("GET", "templates/<str:code>", 200),
    Row("PATCH", "templates/<str:code>", 200, body=_fixed({"name": "Hello"})),
    Row("DELETE", "templates/<str:code>", 200),
    Row("GET", "templates/<str:code>/versions", 200),
    Row("POST", "templates/<str:code>/versions", 201, body=_fixed({"content": WELCOME})),
    Row("POST", "templates/<str:code>/versions/<int:number>/publish", 200),
    Row("POST", "templates/<str:code>/preview", 200, body=_fixed({"variables": {"name": "Ada"}})),
    Row("GET", "templates/<str:code>/usage", 200),
]
NOTIFICATIONS = [
    Row("GET", "notifications", 200),
    Row("POST", "notifications", 202, body=_fixed(mail())),
    Row("POST", "notifications/email", 202, body=_fixed({"to": _TO, "content": CONTENT})),
    Row(
        "POST", "notifications/push", 202, body=_fixed({"to": _TO_PHONE, "content": PUSH_CONTENT})
    ),
    Row(
        "POST",
        "notifications/bulk",
        202,
        body=_fixed(
            {
                "notification_type": "push",
                "template_code": "ping",
                "recipients": [{"to": push()["to"], "variables": {"name": "Ada"}}],
            }
        ),
    ),
    Row("POST", "notifications/status", 202, "key", _report("sent")),
    Row("POST", "notifications/email/status", 202, "key", _report("sent")),
    Row("POST", "notifications/push/status", 202, "key", _report("push")),
    Row("POST", "email/status", 202, "key", _report("sent")),
    Row("POST", "push/status", 202, "key", _report("push")),
    Row("GET", _ONE, 200, about="sent"),
    Row("GET", f"{_ONE}/status", 200, about="sent"),
    Row("GET", f"{_ONE}/timeline", 200, about="sent"),
    Row("POST", f"{_ONE}/cancel", 200, about="pending"),
    Row("POST", f"{_ONE}/replay", 202, about="failed"),
    Row("GET", "batches/<uuid:batch_id>", 200),
    Row("GET", "dead-letters", 200),
    Row("POST", "dead-letters/replay", 202, body=_letters),
    Row("POST", "dead-letters/discard", 202, body=_letters),
    Row("GET", "suppressions", 200),
    Row("POST", "suppressions", 201, body=_fixed({"address": "eve@example.org"})),
    Row("DELETE", "suppressions/<uuid:suppression_id>", 200),
    Row("GET", "stats", 200),
    Row("GET", "breakers", 200),
    # Nobody's breaker: those of real providers have tests of their own.
    Row("POST", "breakers/<str:provider>/reset", 404),
    # Nobody's receipts: those of real providers, signed, have tests of their own.
    Row("POST", "webhooks/<str:provider>", 404, "anyone", _fixed({})),
]
HEALTH = [
    Row("GET", route, 200, "anyone") for route in ("health", "live", "ready", "gateway-health")
]
CONTRACT = [*ACCOUNTS, *TEMPLATES, *NOTIFICATIONS, *HEALTH]
