"""Every route of the contract answers as spec 3.4 to 3.6 say, and there are no others."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from notifier.models import Organization
from tests.factories import make_user
from tests.integration.api.calling import META, SINGLE, Caller, person
from tests.integration.api.routes import CONTRACT, HEALTH
from tests.integration.api.world import World

pytestmark = pytest.mark.django_db
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
PAGED = {
    "users",
    "users/<uuid:user_id>/devices",
    "api-keys",
    "audit-log",
    "templates",
    "templates/<str:code>/versions",
    "notifications",
    "dead-letters",
    "suppressions",
}
WHOLE_LISTS = {
    "breakers",
    "templates/<str:code>/usage",
    "notifications/<uuid:notification_id>/timeline",
}
LISTS = {("GET", route) for route in PAGED | WHOLE_LISTS}


@contextmanager
def undone() -> Iterator[None]:
    """Take back what the block stores: each line of the table finds the same world."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_every_route_answers_with_and_without_the_slash(world: World) -> None:
    differing = []
    for row, slash in product(CONTRACT, ("", "/")):
        with undone():
            path = row.path(world) + slash
            answer = world.callers[row.who].call(row.method, path, row.body(world))
        if answer.status != row.status:
            differing.append((str(row), slash, answer.status, answer.body["message"]))
        if answer.status < 400 and (row.method, row.route) not in LISTS:
            assert answer.body["meta"] == SINGLE, row
    assert not differing


def test_every_protected_route_asks_for_credentials(world: World) -> None:
    strangers = (
        Caller(),
        Caller({"X-API-Key": "ntf_live_wrong"}),
        Caller({"Authorization": "Bearer wrong"}),
        Caller({"Authorization": "Basic d3Jvbmc6d3Jvbmc="}),
    )
    for row, caller in product([row for row in CONTRACT if row.who != "anyone"], strangers):
        answer = caller.call(row.method, row.path(world), row.body(world))
        assert (answer.status, answer.error) == (401, "unauthenticated"), row
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="notifier"'


def test_a_method_that_is_not_there_is_a_405(world: World) -> None:
    for route, there in _methods_of_table().items():
        path = next(row for row in CONTRACT if row.route == route).path(world)
        for method in METHODS - there:
            answer = world.callers["admin"].call(method, path)
            assert (answer.status, answer.error) == (405, "method_not_allowed"), (method, route)
            assert there <= set(answer.headers["Allow"].split(", ")), (method, route)


def test_a_list_takes_page_and_limit(world: World) -> None:
    admin = world.callers["admin"]
    for route in PAGED:
        path = next(row for row in CONTRACT if row.route == route).path(world)
        meta = admin.get(f"{path}?limit=1&page=2").body["meta"]
        assert (meta["limit"], meta["page"], meta["has_previous"]) == (1, 2, True), route
        assert admin.get(path).body["meta"]["limit"] == 20, route
        for query, name in (("limit=0", "limit"), ("limit=101", "limit"), ("page=0", "page")):
            answer = admin.get(f"{path}?{query}")
            assert (answer.status, answer.fields) == (400, [name]), route


def test_the_table_names_every_route_and_method() -> None:
    listed, found = _methods_of_table(), _list_routes()
    assert set(listed) == {route.rstrip("/") for route in found}
    assert {f"{route}/" for route in listed} <= set(found)
    for route, view in found.items():
        if methods := _methods_of(view):
            assert methods == listed[route.rstrip("/")], route


def _methods_of_table() -> dict[str, set[str]]:
    methods: dict[str, set[str]] = defaultdict(set)
    for row in CONTRACT:
        methods[row.route].add(row.method)
    return methods


def _list_routes() -> dict[str, Any]:
    """Return every route below /api/v1 and its view."""
    for each in get_resolver().url_patterns:
        if isinstance(each, URLResolver) and str(each.pattern) == "api/v1/":
            patterns = [one for one in each.url_patterns if isinstance(one, URLPattern)]
            assert len(patterns) == len(each.url_patterns)
            return {str(one.pattern): one.callback for one in patterns}
    raise AssertionError("nothing is below api/v1")


def _methods_of(view: Any) -> set[str]:
    """Return what a class of ours answers; a function decides for itself."""
    kind = getattr(view, "view_class", None)
    names = getattr(kind, "http_method_names", [])
    return {name.upper() for name in names if hasattr(kind, name)} - {"HEAD", "OPTIONS"}


def test_health_is_also_at_the_root() -> None:
    for row, slash in product(HEALTH, ("", "/")):
        answer = Caller().call("GET", f"//{row.route}{slash}")
        assert answer.status == 200, row


def test_head_needs_the_right_that_get_needs(organization: Organization) -> None:
    member = person(make_user(organization=organization))
    admin = person(make_user(organization=organization, role="admin"))
    for path in ("/dead-letters", "/stats", "/users", "/api-keys"):
        assert member.send("HEAD", path).status_code == 403, path
        assert admin.send("HEAD", path).status_code == 200, path


def test_every_success_says_where_its_page_stands(world: World) -> None:
    for route in WHOLE_LISTS:
        row = next(row for row in CONTRACT if row.route == route)
        answer = world.callers["admin"].get(row.path(world))
        assert set(answer.body["meta"]) >= META
        assert answer.body["meta"]["total"] == len(answer.data)


def test_the_schema_and_its_pages_come_from_here() -> None:
    schema = Caller().send("GET", "//api/schema", Accept="application/vnd.oai.openapi+json")
    assert (schema.status_code, json.loads(schema.content)["openapi"]) == (200, "3.1.0")
    page = Caller().send("GET", "//api/docs")
    assert (page.status_code, page["Content-Type"].split(";")[0]) == (200, "text/html")
    assert b"http://" not in page.content.replace(b"http://testserver", b"")
    assert b"https://" not in page.content


def test_the_schema_knows_every_route_of_the_table() -> None:
    schema = Caller().send("GET", "//api/schema", Accept="application/vnd.oai.openapi+json")
    paths = json.loads(schema.content)["paths"]
    for row in CONTRACT:
        path = "/api/v1/" + row.route.translate(str.maketrans("<>", "{}"))
        for kind in ("uuid", "str", "int"):
            path = path.replace(f"{{{kind}:", "{")
        assert row.method.lower() in paths[path], row


def test_the_schema_tells_what_is_left_of_a_limit() -> None:
    schema = Caller().send("GET", "//api/schema", Accept="application/vnd.oai.openapi+json")
    described = json.loads(schema.content)
    assert described["components"]["headers"]["Retry-After"]["required"]
    limited = {"RateLimit-Policy", "RateLimit"}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            assert answers["429"]["headers"].keys() == limited | {"Retry-After"}, path
            assert "Retry-After" in answers["503"]["headers"], path
            is_free = any(part in path for part in ("health", "/live", "/ready", "/webhooks/"))
            success = next(each for status, each in answers.items() if status.startswith("2"))
            told = set(success.get("headers", {})) & limited
            assert told == (set() if is_free or path.endswith("/refresh") else limited), (
                method,
                path,
            )
            assert "x-limited" not in operation


def test_metrics_are_text_for_prometheus() -> None:
    response = Caller().send("GET", "//metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    assert b"notifier_" in response.content
