"""An organization, clients with keys of it, and the smallest contents that can be sent."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.templates.models import Template
from apps.templates.services import NewVersion, create_template
from notifier.authentication import Scope
from notifier.models import Organization
from tests.factories import ApiKeyFactory

EMAIL_CONTENT = {"subject": "Welcome, {{ name }}", "html": "<p>Hello {{ name }}</p>"}
PUSH_CONTENT = {"title": "Hi {{ name }}", "body": "Your code is {{ code }}"}
BASE = "/api/v1/templates"


class ApiClient:
    """A program with an API key: sends JSON, reads envelopes."""

    def __init__(self, secret: str | None) -> None:
        self._client = Client(raise_request_exception=False)
        self._headers = {"X-API-Key": secret} if secret else {}

    def call(self, method: str, path: str, body: Any = None) -> HttpResponse:
        raw = body if isinstance(body, bytes) else b"" if body is None else encode_json(body)
        address, kind = f"{BASE}{path}", "application/json"
        response = self._client.generic(
            method, address, raw, content_type=kind, headers=self._headers
        )
        return cast("HttpResponse", response)

    def get(self, path: str = "") -> HttpResponse:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> HttpResponse:
        return self.call("POST", path, body)


def encode_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def envelope(response: HttpResponse, status: int) -> dict[str, Any]:
    """Return the whole answer, which must be an envelope with that status."""
    body: dict[str, Any] = json.loads(response.content)
    assert response.status_code == status, body
    assert body["success"] is (status < 400)
    assert set(body["meta"]) >= {"total", "limit", "page", "total_pages"}
    return body


def data_of(response: HttpResponse, status: int = 200) -> Any:
    return envelope(response, status)["data"]


def errors_of(response: HttpResponse, status: int) -> dict[str, str]:
    """Return the messages of a refusal by field."""
    errors = data_of(response, status)["errors"]
    return {error["field"]: error["message"] for error in errors}


def make_key(organization: Organization, *scopes: Scope) -> ApiClient:
    key: Any = ApiKeyFactory.create(organization=organization, scopes=scopes)
    return ApiClient(key.secret)


def make_template(organization: Organization, code: str = "welcome", **extra: Any) -> Template:
    version = NewVersion(content=extra.pop("content", EMAIL_CONTENT), **extra.pop("version", {}))
    return create_template(
        organization_id=organization.pk,
        code=code,
        channel=extra.pop("channel", "email"),
        name="Welcome",
        version=version,
        now=timezone.now(),
        **extra,
    )


@pytest.fixture
def organization(db: None) -> Organization:
    return Organization.objects.create(slug="acme", name="Acme")


@pytest.fixture
def other_organization(db: None) -> Organization:
    return Organization.objects.create(slug="other", name="Other")


@pytest.fixture
def writer(organization: Organization) -> ApiClient:
    return make_key(organization, "templates")


@pytest.fixture
def new_key(organization: Organization) -> Callable[..., ApiClient]:
    return lambda *scopes: make_key(organization, *scopes)
