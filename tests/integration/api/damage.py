"""Good bodies of the representative routes, and the means to spoil them."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from tests.factories import PASSWORD
from tests.integration.api.world import WELCOME
from tests.integration.notifications.ledger import mail, push

TABLES = (
    "users_user",
    "users_device",
    "users_apikey",
    "users_session",
    "templates_template",
    "templates_templateversion",
    "notifications_notification",
    "notifications_notificationevent",
    "notifications_batch",
    "notifications_receipt",
)
# One route of each kind of view and body: public, DRF's and lean ones, bulk, callback.
USER = {"name": "Eve", "email": "eve@example.org"}
BULK = {
    "notification_type": "email",
    "template_code": "welcome",
    "recipients": [{"to": {"email": "eve@example.org"}, "variables": {"name": "Eve"}}],
}
REPORT = {"notification_id": "x", "status": "failed", "error": "gone"}
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/auth/register", USER | {"password": PASSWORD}),
    ("/users", USER),
    ("/api-keys", {"name": "shop", "scopes": ["send"]}),
    ("/templates", {"code": "new", "channel": "email", "name": "New", "content": WELCOME}),
    ("/templates/welcome/preview", {"variables": {"name": "Ada"}}),
    ("/notifications", mail()),
    ("/notifications/push", {"to": push()["to"], "content": {"title": "a", "body": "b"}}),
    ("/notifications/bulk", BULK),
    ("/notifications/status", REPORT),
    ("/dead-letters/discard", {"provider": "one", "reason": "gone"}),
]


def count_rows() -> dict[str, int]:
    """Return how many rows each table has; the ledger has one for every change of another."""
    with connection.cursor() as cursor:
        return {table: _count(cursor, table) for table in TABLES}


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  # our own table names
    return int(cursor.fetchone()[0])


def list_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside a body."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from list_paths(child, (*path, key))


def replace_at(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    """Return a copy of a body with `leaf` where `path` leads."""
    if not path:
        return leaf
    first, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[first] = replace_at(value[first], tuple(rest), leaf)
    return copy
