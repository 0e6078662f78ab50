"""API keys get a new secret without a gap, and end at once when they are revoked."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from apps.users.models import ApiKey, User
from deploy.local.servers import Redis
from tests.factories import make_api_key, make_user, secret_of
from tests.integration.users.conftest import Caller, bearer
from tests.security.signed_in import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fast_hasher")]


def _with(secret: str) -> Caller:
    return Caller({"X-API-Key": secret})


def _works(secret: str) -> bool:
    status, _ = _with(secret).get("/users")
    assert status in (200, 401)
    return status == 200


@pytest.fixture
def admin() -> User:
    return make_user(role="admin")


@pytest.fixture
def boss(admin: User) -> Caller:
    return bearer(sign_in(admin)["access_token"])


@pytest.fixture
def key(admin: User) -> ApiKey:
    return make_api_key(organization=admin.organization, scopes=["users"], mode="test")


def _rotate(boss: Caller, key: ApiKey, **body: Any) -> dict[str, Any]:
    status, answer = boss.post(f"/api-keys/{key.pk}/rotate", body or None)
    assert status == 200, answer
    return dict(answer["data"])


def test_the_old_secret_works_until_the_grace_is_over(boss: Caller, key: ApiKey) -> None:
    rotated = _rotate(boss, key, grace_seconds=3600)
    new, old = rotated["key"], secret_of(key)
    assert new.startswith("ntf_test_")
    assert new != old
    assert _works(new)
    assert _works(old)
    with time_machine.travel(timezone.now() + timedelta(seconds=3601)):
        assert _works(new)
        assert not _works(old)


def test_a_rotated_key_is_the_same_key(boss: Caller, key: ApiKey) -> None:
    rotated = _rotate(boss, key)
    (listed,) = boss.get("/api-keys")[1]["data"]
    assert (listed["id"], listed["scopes"], listed["mode"]) == (str(key.pk), ["users"], "test")
    assert listed["prefix"] == rotated["key"][:12]
    assert listed["previous_valid_until"] == rotated["previous_valid_until"]
    assert "key" not in listed
    until = ApiKey.objects.get().previous_valid_until
    assert until is not None
    assert timedelta(hours=23) < until - timezone.now() < timedelta(hours=25)


def test_without_a_grace_the_old_secret_ends_at_once(boss: Caller, key: ApiKey) -> None:
    assert _works(_rotate(boss, key, grace_seconds=0)["key"])
    assert not _works(secret_of(key))


def test_rotating_twice_ends_the_first_secret(boss: Caller, key: ApiKey) -> None:
    second = _rotate(boss, key)["key"]
    third = _rotate(boss, key)["key"]
    assert [_works(each) for each in (secret_of(key), second, third)] == [False, True, True]


def test_revoking_ends_both_secrets_at_once_and_redis_does_not_matter(
    boss: Caller, key: ApiKey, redis: Redis
) -> None:
    new = _rotate(boss, key)["key"]
    assert boss.delete(f"/api-keys/{key.pk}")[0] == 200
    cache.clear()
    assert not _works(new)
    assert not _works(secret_of(key))
    redis.stop()
    try:
        assert not _works(new)
    finally:
        redis.start()


def test_a_key_that_is_over_cannot_be_rotated(boss: Caller, key: ApiKey) -> None:
    ApiKey.objects.update(expires_at=timezone.now())
    assert boss.post(f"/api-keys/{key.pk}/rotate")[0] == 409
    ApiKey.objects.update(expires_at=None)
    boss.delete(f"/api-keys/{key.pk}")
    status, answer = boss.post(f"/api-keys/{key.pk}/rotate")
    assert (status, answer["error"]) == (409, "conflict")


def test_nobody_rotates_the_keys_of_others(boss: Caller, key: ApiKey) -> None:
    stranger = make_api_key()
    assert boss.post(f"/api-keys/{stranger.pk}/rotate")[0] == 404
    assert _with(secret_of(key)).post(f"/api-keys/{key.pk}/rotate")[0] == 403
    assert ApiKey.objects.filter(rotated_at=None).count() == 2


@pytest.mark.parametrize(
    "body", [{"grace_seconds": -1}, {"grace_seconds": 2_592_001}, {"grace": 1}, {"key": "mine"}]
)
def test_a_grace_that_cannot_be_is_refused(
    boss: Caller, key: ApiKey, body: dict[str, Any]
) -> None:
    assert boss.post(f"/api-keys/{key.pk}/rotate", body)[0] == 400
    assert _works(secret_of(key))


def test_only_digests_are_stored(boss: Caller, key: ApiKey) -> None:
    new = _rotate(boss, key)["key"]
    row = str(ApiKey.objects.filter(pk=key.pk).values().get())
    for secret in (new, secret_of(key)):
        assert secret[13:] not in row
