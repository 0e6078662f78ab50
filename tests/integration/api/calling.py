"""Callers of the real API, who expect the envelope in every answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.users.models import User
from apps.users.services import open_session
from notifier.authentication import Scope
from notifier.models import Organization
from tests.factories import make_api_key, secret_of

API = "/api/v1"
META = {"total", "limit", "page", "total_pages", "has_next", "has_previous"}
SINGLE = {
    "total": 1,
    "limit": 1,
    "page": 1,
    "total_pages": 1,
    "has_next": False,
    "has_previous": False,
}
NOTHING = dict.fromkeys(META, 0) | {"has_next": False, "has_previous": False}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response whose body is a complete envelope."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def error(self) -> str:
        return str(self.body["error"])

    @property
    def fields(self) -> list[str]:
        """The fields that a refusal names."""
        return [fault["field"] for fault in self.data["errors"]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Sends JSON with somebody's credentials; a body of bytes goes as it is."""

    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return read_answer(self.send(method, path, body, **headers))

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Return the bare response; `path` is below /api/v1, or after // below the root."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = named.pop("Content-Type", "application/json")
        client = Client(raise_request_exception=False, headers=self.headers | named)
        address = path[1:] if path.startswith("//") else f"{API}{path}"
        response = client.generic(method, address, as_bytes(body), content_type=kind)
        return cast("HttpResponse", response)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)


def as_bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def read_answer(response: HttpResponse) -> Answer:
    """Return a response as an Answer; its envelope must be complete (spec 3.1)."""
    assert response["Content-Type"] == "application/json", response.content[:200]
    body: dict[str, Any] = json.loads(response.content)
    assert isinstance(body["message"], str)
    assert META <= set(body["meta"]) <= META | {"next_cursor"}
    assert body["success"] is (response.status_code < 400), body
    if not body["success"]:
        assert set(body) == {"success", "message", "error", "data", "meta"}
        assert set(body["data"]) == {"errors", "correlation_id"}
        assert body["data"]["correlation_id"] == response["X-Correlation-ID"]
        assert body["meta"] == NOTHING
    else:
        assert set(body) == {"success", "message", "data", "meta"}
    return Answer(response.status_code, body, response.headers)


def key_of(organization: Organization, *scopes: Scope, mode: str = "live") -> Caller:
    """Return a program with a key of these scopes."""
    key = make_api_key(organization=organization, scopes=scopes, mode=mode)
    return Caller({"X-API-Key": secret_of(key)})


def person(user: User) -> Caller:
    """Return a user who has signed in."""
    pair = open_session(user=user, now=timezone.now())
    return Caller({"Authorization": f"Bearer {pair.access_token}"})
