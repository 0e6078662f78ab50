"""Every route answers every kind of caller as authorization.md says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.plugin import DjangoDbBlocker

from apps.delivery.providers.urls import parse_provider_urls
from tests.integration.api.calling import Caller
from tests.security.matrix import HOME, Line, read_lines
from tests.security.people import ROLES, person_in_role
from tests.security.requests_of_matrix import body_of, path_of
from tests.security.scene import CANARY, Names, Scene, unknown_names
from tests.security.untouched import fingerprint_of

LINES = read_lines()
# The slowest hasher protects nobody here; a provider that is never called has a breaker.
SETTINGS: dict[str, Any] = {
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    "EMAIL_PROVIDER_URLS": parse_provider_urls("smtp://127.0.0.1:9?name=real", channel="email"),
    "NOTIFIER_ENV": "production",
}
# Each test takes back what it stores, and so finds the same scene.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scene")]
each_line = pytest.mark.parametrize("line", LINES, ids=str)


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Scene]:
    with django_db_blocker.unblock(), override_settings(**SETTINGS), transaction.atomic():
        yield Scene()
        transaction.set_rollback(True)


@each_line
def test_callers_at_home_get_the_answer_of_their_column(scene: Scene, line: Line) -> None:
    inquiry, differing = Inquiry(scene, line), []
    for column in HOME:
        answer = inquiry.ask(scene.callers[column])
        if answer.status_code != line.status(column):
            differing.append((column, answer.status_code))
        elif column == "member" or answer.status_code >= 400:
            inquiry.require_silence(answer)
        if answer.status_code == 404:
            inquiry.require_same_for_unknown(answer, scene.callers[column])
    assert not differing
    inquiry.require_nothing_changed()


@each_line
def test_ended_credentials_open_nothing(scene: Scene, line: Line) -> None:
    inquiry = Inquiry(scene, line)
    for name, caller in scene.ended.items():
        answer = inquiry.ask(caller)
        assert answer.status_code == line.status("ended"), name
        inquiry.require_silence(answer)
    inquiry.require_nothing_changed()


@pytest.mark.parametrize("line", [line for line in LINES if line.cells["ada"]], ids=str)
def test_ada_gets_the_answer_of_her_column_in_every_role(scene: Scene, line: Line) -> None:
    expected = line.status("ada")
    # What a member may not do to itself, another role may: its own column says so.
    for role in ROLES if expected < 400 else ROLES[:1]:
        answer = Inquiry(scene, line).ask(person_in_role(scene.ada, role))
        assert answer.status_code == expected, role


@each_line
def test_other_organizations_neither_see_nor_change_anything(scene: Scene, line: Line) -> None:
    inquiry = Inquiry(scene, line)
    for column in [each for each in HOME if line.is_worth_asking_abroad(each)]:
        answer = inquiry.ask_abroad(scene.foreigners[column])
        assert answer.status_code == line.status_abroad(column), column
        inquiry.require_silence(answer)
        inquiry.require_same_for_unknown(answer, scene.foreigners[column])


class Inquiry:
    """One line's request, sent for one caller after the other."""

    def __init__(self, scene: Scene, line: Line) -> None:
        self._scene = scene
        self._line = line
        self._unknown = scene.names | unknown_names()
        self._before = fingerprint_of(scene.organization.pk)

    def ask(self, caller: Caller) -> HttpResponse:
        """Send the request, and take back what it did for those who may."""
        with transaction.atomic():
            answer = self._send(caller, self._scene.names)
            transaction.set_rollback(answer.status_code < 400)
        return answer

    def ask_abroad(self, caller: Caller) -> HttpResponse:
        """As `ask`; what it did for a foreign caller must have changed nothing here."""
        with transaction.atomic():
            answer = self._send(caller, self._scene.names)
            self.require_nothing_changed()
            transaction.set_rollback(True)
        return answer

    def require_silence(self, answer: HttpResponse) -> None:
        """No word of Ada's may be in an answer to whoever may not see her things."""
        if not self._line.is_public:
            assert CANARY not in self._shown(answer, self._scene.names)

    def require_same_for_unknown(self, answer: HttpResponse, caller: Caller) -> None:
        """The same caller gets the same answer about what does not exist."""
        if not self._line.is_about_ada:
            return
        twin = self._send(caller, self._unknown)
        assert twin.status_code == answer.status_code
        assert self._shown(twin, self._unknown) == self._shown(answer, self._scene.names)
        assert set(twin.headers) == set(answer.headers)

    def require_nothing_changed(self) -> None:
        if not self._line.is_public:
            assert fingerprint_of(self._scene.organization.pk) == self._before

    def _send(self, caller: Caller, names: Names) -> HttpResponse:
        line = self._line
        return caller.send(line.method, path_of(line, names), body_of(line, names))

    def _shown(self, answer: HttpResponse, names: Names) -> str:
        """Return a body without its correlation id and what the request itself said."""
        text = re.sub(r'"correlation_id":"[^"]*"', "", answer.content.decode())
        said = path_of(self._line, names) + str(body_of(self._line, names))
        for name, value in names.items():
            if str(value) in said:
                text = text.replace(str(value), f"<{name}>")
        return text


# --- the table and the URL configuration ------------------------------------------------------


def test_the_table_has_every_route_and_method() -> None:
    listed = {(line.method, line.pattern) for line in LINES}
    found = {(method, route) for route, view in list_routes() for method in methods_of(view)}
    assert found - listed == set(), "not in authorization.md"
    routes = {route for route, _ in list_routes()}
    assert {route for _, route in listed} == routes


def test_every_other_method_is_refused_to_everybody(scene: Scene) -> None:
    for route in sorted({line.pattern for line in LINES if line.route != "//admin/"}):
        line = next(line for line in LINES if line.route == route)
        there = {each.method for each in LINES if each.pattern == route}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - there:
            for caller in (scene.callers["anonymous"], scene.callers["key all"]):
                answer = caller.send(method, path_of(line, scene.names))
                assert answer.status_code in {302, 401, 404, 405}, (method, route)


def test_head_answers_as_get_does(scene: Scene) -> None:
    for line in [line for line in LINES if line.method == "GET"]:
        for column in ("anonymous", "member", "key read", "key all"):
            answer = scene.callers[column].send("HEAD", path_of(line, scene.names))
            assert answer.status_code == line.status(column), (column, line)
            assert answer.content == b"" or answer.status_code >= 400


def list_routes() -> list[tuple[str, Any]]:
    """Return every route as the table writes it, and its view; the admin's pages are one."""
    found = dict(_walk(get_resolver().url_patterns, ""))
    named = {_as_in_table(route): view for route, view in found.items()}
    return sorted(named.items(), key=lambda each: each[0])


def _walk(patterns: Any, before: str) -> Iterator[tuple[str, Any]]:
    for each in patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route, each.callback
        elif isinstance(each, URLResolver) and route.startswith("admin"):
            yield "admin/", None
        else:
            yield from _walk(each.url_patterns, route)


def _as_in_table(route: str) -> str:
    if route == "admin/":
        return f"//{route}"
    bare = re.sub(r"<\w+:(\w+)>", r"{\1}", route.removesuffix("/"))
    return bare.removeprefix("api/v1/") if bare.startswith("api/v1/") else f"//{bare}"


def methods_of(view: Any) -> set[str]:
    """Return what a class answers; a function decides for itself, and must have one line."""
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if kind is None:
        return set()
    names = getattr(view, "actions", None) or kind.http_method_names
    return {name.upper() for name in names if hasattr(kind, name)} - {"HEAD", "OPTIONS"}
