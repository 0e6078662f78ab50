"""API keys: made by admins, shown once, recognised by digest, revoked at once."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.users.models import ApiKey
from notifier.authentication import authenticate
from tests.factories import make_api_key, make_organization, make_user, secret_of
from tests.integration.users.conftest import Caller

pytestmark = pytest.mark.django_db


def test_an_admin_makes_a_key_whose_secret_is_shown_once(as_user: Any) -> None:
    admin = make_user(role="admin")
    caller = as_user(admin)
    body = {"name": "Shop", "scopes": ["send", "read", "send"], "mode": "test"}
    status, answer = caller.post("/api-keys", body)
    secret = answer["data"]["key"]
    assert status == 201
    assert secret.startswith("ntf_test_")
    assert len(secret) == len("ntf_test_") + 43
    key = ApiKey.objects.get()
    assert (key.prefix, key.digest) == (secret[:12], sha256(secret.encode()).hexdigest())
    assert (key.scopes, key.mode, key.created_by) == (["read", "send"], "test", admin)
    listed = caller.get("/api-keys")[1]["data"]
    assert [row["id"] for row in listed] == [str(key.pk)]
    assert secret not in str(listed)
    assert key.digest not in str(listed)


def test_a_key_acts_for_its_organization_with_its_scopes_and_mode(as_key: Any) -> None:
    key = make_api_key(scopes=["read", "users"], mode="test")
    principal = authenticate(_Request({"X-API-Key": secret_of(key)}))
    assert principal is not None
    assert principal.organization_id == key.organization_id
    assert principal.scopes == {"read", "users"}
    assert (principal.mode, principal.api_key_id, principal.user_id) == ("test", key.pk, None)
    assert as_key(key).get("/users")[0] == 200
    assert as_key(key).get("/api-keys")[0] == 403


class _Request:
    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers


def test_a_revoked_key_is_refused_at_once(as_user: Any, as_key: Any) -> None:
    admin = make_user(role="admin")
    key = make_api_key(organization=admin.organization, scopes=["users"])
    caller = as_user(admin)
    assert as_key(key).get("/users")[0] == 200
    status, answer = caller.delete(f"/api-keys/{key.pk}")
    revoked_at = answer["data"]["revoked_at"]
    assert status == 200
    assert revoked_at is not None
    assert as_key(key).get("/users")[0] == 401
    assert caller.delete(f"/api-keys/{key.pk}")[1]["data"]["revoked_at"] == revoked_at


def test_an_expired_key_and_one_of_a_closed_organization_are_refused(as_key: Any) -> None:
    soon = timezone.now() + timedelta(hours=1)
    expiring = make_api_key(scopes=["users"], expires_at=soon)
    assert as_key(expiring).get("/users")[0] == 200
    with time_machine.travel(soon, tick=False):
        assert as_key(expiring).get("/users")[0] == 401
    closed = make_organization(is_active=False)
    assert as_key(make_api_key(organization=closed, scopes=["users"])).get("/users")[0] == 401


@pytest.mark.parametrize("secret", ["x", "ntf_live_" + "a" * 43, "ntf_live_é", "a" * 9000])
def test_what_is_no_key_is_refused(secret: str) -> None:
    assert Caller({"X-API-Key": secret}).get("/users")[0] == 401


def test_a_key_of_another_organization_does_not_exist(as_user: Any) -> None:
    key = make_api_key()
    assert as_user(make_user(role="admin")).delete(f"/api-keys/{key.pk}")[0] == 404
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "send"},
        {"mode": "dry"},
        {"name": ""},
        {"name": "a\nb"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2999-01-01T00:00:00"},
        {"digest": "x"},
    ],
)
def test_a_key_that_cannot_be_is_refused(as_user: Any, change: dict[str, Any]) -> None:
    body = {"name": "Shop", "scopes": ["send"]} | change
    assert as_user(make_user(role="admin")).post("/api-keys", body)[0] == 400
    assert not ApiKey.objects.exists()


def test_use_is_noted_at_most_once_a_minute(as_key: Any) -> None:
    key, now = make_api_key(scopes=["users"]), timezone.now()
    caller = as_key(key)

    def noted_after(seconds: int) -> Any:
        with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
            assert caller.get("/users")[0] == 200
        return ApiKey.objects.get().last_used_at

    first = noted_after(1)
    assert noted_after(30) == first
    assert noted_after(90) > first
