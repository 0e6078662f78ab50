"""Callers of the real API, through Django's test client."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from apps.users.models import ApiKey, User
from tests.factories import PASSWORD, secret_of

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Caller:
    """Sends JSON with somebody's credentials and returns status and envelope."""

    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        response = Client(headers=self.headers).generic(
            method,
            f"{API}{path}",
            b"" if body is None else _as_json(body),
            content_type="application/json",
        )
        return response.status_code, response.json()

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        return self.call("POST", path, body)

    def put(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> tuple[int, dict[str, Any]]:
        return self.call("DELETE", path)


def _as_json(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def bearer(token: str) -> Caller:
    return Caller({"Authorization": f"Bearer {token}"})


def requests_about(user_id: UUID, device_id: UUID, email: str) -> list[tuple[str, str, Any]]:
    """Return every request (method, path, body) about one user."""
    user = f"/users/{user_id}"
    return [
        ("GET", user, None),
        ("PATCH", user, {"name": "Eve"}),
        ("DELETE", user, None),
        ("GET", f"/users/email/{email}", None),
        ("GET", f"{user}/preferences", None),
        ("PUT", f"{user}/preferences", {"email": False, "push": False}),
        ("PATCH", f"{user}/preferences", {"email": False}),
        ("GET", f"{user}/devices", None),
        ("POST", f"{user}/devices", {"token": "token-of-eve", "platform": "web"}),
        ("DELETE", f"{user}/devices/{device_id}", None),
    ]


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def anyone() -> Caller:
    return Caller()


@pytest.fixture
def sign_in(anyone: Caller) -> Callable[[User], dict[str, Any]]:
    """Sign a user of the factory in and return the tokens."""

    def sign_in(user: User) -> dict[str, Any]:
        status, answer = anyone.post("/auth/login", {"email": user.email, "password": PASSWORD})
        assert status == 200, answer
        return dict(answer["data"])

    return sign_in


@pytest.fixture
def as_user(sign_in: Callable[[User], dict[str, Any]]) -> Callable[[User], Caller]:
    return lambda user: bearer(sign_in(user)["access_token"])


@pytest.fixture
def as_key() -> Callable[[ApiKey], Caller]:
    return lambda key: Caller({"X-API-Key": secret_of(key)})
