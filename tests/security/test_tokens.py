"""Access tokens: forged ones are refused, and what ends a session ends them at once."""

import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as django_settings
from django.core.cache import cache
from jwt.utils import base64url_encode
from pytest_django import Settings

from apps.users.models import User
from deploy.local.servers import Redis
from notifier.configuration import InvalidSetting, read_configuration
from tests.factories import PASSWORD, make_user
from tests.integration.users.conftest import Caller, bearer
from tests.security.signed_in import read_claims, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fast_hasher")]
ANYONE = Caller()
OLD, NEW = "old-" * 12, "new-" * 12


def _log_out(caller: Caller, _admin: Caller, _user: User) -> int:
    return caller.post("/auth/logout")[0]


def _change_password(caller: Caller, _admin: Caller, user: User) -> int:
    body = {"current_password": PASSWORD, "password": "another long password"}
    return caller.patch(f"/users/{user.pk}", body)[0]


def _change_role(_caller: Caller, admin: Caller, user: User) -> int:
    return admin.patch(f"/users/{user.pk}", {"role": "sender"})[0]


def _deactivate(_caller: Caller, admin: Caller, user: User) -> int:
    return admin.patch(f"/users/{user.pk}", {"is_active": False})[0]


def _erase(_caller: Caller, admin: Caller, user: User) -> int:
    return admin.delete(f"/users/{user.pk}")[0]


ENDS: list[Callable[[Caller, Caller, User], int]] = [
    _log_out,
    _change_password,
    _change_role,
    _deactivate,
    _erase,
]


def _flush(_redis: Redis) -> None:
    cache.clear()


def _stop(redis: Redis) -> None:
    redis.stop()


@pytest.fixture
def healed_redis(redis: Redis) -> Iterator[Redis]:
    """The run's Redis; whatever a test does to it, it runs again afterwards."""
    yield redis
    redis.start()


@pytest.mark.parametrize("trouble", [_flush, _stop])
@pytest.mark.parametrize("end", ENDS)
def test_tokens_end_at_once_and_stay_ended_without_redis(
    end: Callable[[Caller, Caller, User], int],
    trouble: Callable[[Redis], None],
    healed_redis: Redis,
) -> None:
    admin = make_user(role="admin")
    user = make_user(organization=admin.organization)
    tokens, boss = sign_in(user), bearer(sign_in(admin)["access_token"])
    caller = bearer(tokens["access_token"])
    assert caller.get("/users/me")[0] == 200
    assert end(caller, boss, user) == 200
    assert caller.get("/users/me")[0] == 401
    trouble(healed_redis)
    assert caller.get("/users/me")[0] == 401
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert ANYONE.post("/auth/refresh", refresh)[0] == 401
    assert boss.get("/users/me")[0] == 200


def test_signing_in_and_out_works_while_redis_is_away(healed_redis: Redis) -> None:
    user = make_user()
    healed_redis.stop()
    caller = bearer(sign_in(user)["access_token"])
    assert caller.get("/users/me")[0] == 200
    assert caller.post("/auth/logout")[0] == 200
    assert caller.get("/users/me")[0] == 401


def test_a_change_that_is_none_of_these_leaves_the_session_alone() -> None:
    user = make_user(role="sender")
    caller = bearer(sign_in(user)["access_token"])
    admin = bearer(
        sign_in(make_user(organization=user.organization, role="admin"))["access_token"]
    )
    assert admin.patch(f"/users/{user.pk}", {"role": "sender", "name": "Eve"})[0] == 200
    assert caller.get("/users/me")[0] == 200


def _sign_by_hand(claims: dict[str, Any], key: bytes, **header: str) -> str:
    """PyJWT refuses to be that careless."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"} | header, claims)]
    signed = b".".join(base64url_encode(part) for part in parts)
    return b".".join([signed, base64url_encode(hmac.digest(key, signed, "sha256"))]).decode()


def test_what_is_signed_by_hand_with_the_right_key_is_taken() -> None:
    good = read_claims(sign_in(make_user())["access_token"])
    token = _sign_by_hand(good, django_settings.JWT_SIGNING_KEYS[0].encode())
    assert bearer(token).get("/users/me")[0] == 200


def test_tricks_with_algorithms_and_keys_are_refused() -> None:
    good = read_claims(sign_in(make_user())["access_token"])
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = django_settings.JWT_SIGNING_KEYS[0]
    own = {"kty": "oct", "k": "a" * 43}
    tricks = {
        "RS256": jwt.encode(good, private, algorithm="RS256"),
        "public key as HMAC": _sign_by_hand(good, public),
        "HS384": jwt.encode(good, key, algorithm="HS384"),
        "HS512": jwt.encode(good, key, algorithm="HS512"),
        "kid is a path": _sign_by_hand(good, b"", kid="../../../../dev/null"),
        "kid is SQL": jwt.encode(good, "k" * 48, headers={"kid": "x' UNION SELECT 'k'--"}),
        "own key in the header": jwt.encode(good, "a" * 43, headers={"jwk": own}),
        "key from an address": jwt.encode(good, "a" * 43, headers={"jku": "http://127.0.0.1/k"}),
        "a key of nobody": jwt.encode(good, OLD),
    }
    for name, token in tricks.items():
        status, answer = bearer(token).get("/users/me")
        assert (status, answer["error"]) == (401, "unauthenticated"), name


def test_a_new_signing_key_leaves_sessions_alone_until_the_old_one_is_taken_out(
    settings: Settings,
) -> None:
    settings.JWT_SIGNING_KEYS = [OLD]
    tokens = sign_in(make_user())
    caller, refresh = bearer(tokens["access_token"]), {"refresh_token": tokens["refresh_token"]}
    settings.JWT_SIGNING_KEYS = [NEW, OLD]
    assert caller.get("/users/me")[0] == 200
    renewed = ANYONE.post("/auth/refresh", refresh)[1]["data"]
    settings.JWT_SIGNING_KEYS = [NEW]
    assert caller.get("/users/me")[0] == 401
    assert bearer(renewed["access_token"]).get("/users/me")[0] == 200


def test_a_retired_key_gives_no_longer_life_and_takes_no_other_audience(
    settings: Settings,
) -> None:
    settings.JWT_SIGNING_KEYS = [NEW, OLD]
    good = read_claims(sign_in(make_user())["access_token"])
    assert bearer(jwt.encode(good, OLD)).get("/users/me")[0] == 200
    for change in ({"exp": 1}, {"aud": "other"}, {"iss": "other"}, {"token_type": "refresh"}):
        assert bearer(jwt.encode(good | change, OLD)).get("/users/me")[0] == 401, change


@pytest.mark.parametrize("keys", ["short", f"{OLD},short", f"{OLD},", f",{OLD}"])
def test_a_signing_key_that_is_too_short_stops_the_start(keys: str, tmp_path: Any) -> None:
    environment = {"SECRET_KEY": "s" * 48, "JWT_SIGNING_KEY": keys}
    with pytest.raises(InvalidSetting, match="JWT_SIGNING_KEY") as refusal:
        read_configuration(environment, var=tmp_path)
    assert keys not in str(refusal.value)
