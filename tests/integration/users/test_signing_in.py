"""Registration, sign-in, rotation of refresh tokens, sign-out, validation."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.utils import timezone
from pytest_django import Settings

from apps.users.models import Session, User
from tests.factories import PASSWORD, make_api_key, make_organization, make_user, secret_of
from tests.integration.users.conftest import Caller, bearer

pytestmark = pytest.mark.django_db
NEW = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
CLAIMS = {"iss": "notifier", "aud": "notifier-api", "token_type": "access", "jti": "0" * 32}


def test_registering_makes_a_member_of_the_default_organization(anyone: Caller) -> None:
    status, answer = anyone.post("/auth/register", NEW)
    user = User.objects.get()
    assert status == 201
    assert answer["data"]["user"]["id"] == str(user.pk)
    assert (user.role, user.organization.slug) == ("member", "default")
    assert bearer(answer["data"]["access_token"]).get("/users/me")[0] == 200


def test_registering_an_address_that_differs_in_case_or_width_is_a_conflict(
    anyone: Caller,
) -> None:
    anyone.post("/auth/register", NEW)
    for twin in ("ADA@example.org", "ada@EXAMPLE.org", "\uff41da@example.org"):
        status, answer = anyone.post("/auth/register", NEW | {"email": twin})
        assert (status, answer["error"]) == (409, "conflict"), twin
    assert User.objects.count() == 1


def test_mail_goes_to_the_address_as_it_was_given(anyone: Caller) -> None:
    anyone.post("/auth/register", NEW | {"email": "Stra\u00dfe@example.org"})
    assert User.objects.get().email == "Stra\u00dfe@example.org"


def test_registration_can_be_switched_off(anyone: Caller, settings: Settings) -> None:
    settings.REGISTRATION_OPEN = False
    assert anyone.post("/auth/register", NEW)[0] == 403
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "password", ["short", "password", "ada@example.org", "x" * 1025, "12345678"]
)
def test_a_weak_or_endless_password_is_refused(anyone: Caller, password: str) -> None:
    status, answer = anyone.post("/auth/register", NEW | {"password": password})
    assert (status, answer["data"]["errors"][0]["field"]) == (400, "password")


def test_nobody_registers_with_a_role(anyone: Caller) -> None:
    status, answer = anyone.post("/auth/register", NEW | {"role": "admin"})
    assert (status, answer["data"]["errors"][0]["field"]) == (400, "role")


def test_signing_in_gives_tokens_and_the_user(sign_in: Any) -> None:
    user = make_user()
    data = sign_in(user)
    assert (data["token_type"], data["expires_in"]) == ("Bearer", 300)
    assert data["user"]["email"] == user.email
    claims = jwt.decode(data["access_token"], options={"verify_signature": False})
    assert claims["sub"] == str(user.pk)
    assert claims["org"] == str(user.organization_id)
    assert (claims["role"], claims["iss"], claims["aud"]) == ("member", "notifier", "notifier-api")


def test_the_address_may_be_written_in_other_case(anyone: Caller) -> None:
    make_user(email="Ada@example.org")
    body = {"email": "aDA@Example.org", "password": PASSWORD}
    assert anyone.post("/auth/login", body)[0] == 200


def test_bcrypt_hashes_passwords(anyone: Caller, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
    long_password = "correct horse " * 20  # bcrypt alone would refuse more than 72 bytes
    anyone.post("/auth/register", NEW | {"password": long_password})
    assert User.objects.get().password.startswith("bcrypt_sha256$")
    body = {"email": NEW["email"], "password": long_password}
    assert anyone.post("/auth/login", body)[0] == 200
    assert anyone.post("/auth/login", body | {"password": long_password[:-1]})[0] == 401


def test_every_failed_sign_in_looks_the_same(anyone: Caller) -> None:
    make_user(email="known@example.org")
    make_user(email="inactive@example.org", is_active=False)
    make_user(email="no-password@example.org", password=None)
    make_user(email="closed@example.org", organization=make_organization(is_active=False))
    attempts = [
        ("known@example.org", "wrong password"),
        ("unknown@example.org", PASSWORD),
        ("inactive@example.org", PASSWORD),
        ("no-password@example.org", PASSWORD),
        ("closed@example.org", PASSWORD),
        ("no address", PASSWORD),
    ]
    seen = set()
    for email, password in attempts:
        status, answer = anyone.post("/auth/login", {"email": email, "password": password})
        del answer["data"]["correlation_id"]
        seen.add((status, json.dumps(answer)))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 401


def test_an_unknown_address_costs_a_hash_too(
    anyone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    encode = MD5PasswordHasher.encode

    def count_and_encode(self: MD5PasswordHasher, password: str, salt: str) -> str:
        runs.append("one")
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count_and_encode)
    anyone.post("/auth/login", {"email": "unknown@example.org", "password": PASSWORD})
    assert len(runs) == 1


def test_a_refresh_token_works_once_and_gives_a_new_pair(anyone: Caller, sign_in: Any) -> None:
    first = sign_in(make_user())
    status, answer = anyone.post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert status == 200
    assert answer["data"]["refresh_token"] != first["refresh_token"]
    assert bearer(answer["data"]["access_token"]).get("/users/me")[0] == 200


def test_signing_out_ends_access_and_refresh_at_once(anyone: Caller, sign_in: Any) -> None:
    tokens = sign_in(make_user())
    caller = bearer(tokens["access_token"])
    assert caller.post("/auth/logout")[0] == 200
    assert caller.get("/users/me")[0] == 401
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert anyone.post("/auth/refresh", refresh)[0] == 401


def test_an_api_key_cannot_sign_out(as_key: Any) -> None:
    assert as_key(make_api_key()).post("/auth/logout")[0] == 403


def test_tokens_expire(anyone: Caller, sign_in: Any) -> None:
    tokens, now = sign_in(make_user()), timezone.now()
    refresh = {"refresh_token": tokens["refresh_token"]}
    with time_machine.travel(now + timedelta(minutes=6), tick=False):
        assert bearer(tokens["access_token"]).get("/users/me")[0] == 401
    with time_machine.travel(now + timedelta(days=15), tick=False):
        assert anyone.post("/auth/refresh", refresh)[0] == 401
        assert Session.objects.expired(timezone.now()).count() == 1


@pytest.mark.parametrize("change", [{"is_active": False}, {"organization": False}])
def test_whoever_becomes_inactive_is_out_at_once(
    anyone: Caller, sign_in: Any, change: dict[str, bool]
) -> None:
    user = make_user()
    tokens = sign_in(user)
    if "organization" in change:
        user.organization.is_active = False
        user.organization.save()
    else:
        User.objects.filter(pk=user.pk).update(is_active=False)
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert bearer(tokens["access_token"]).get("/users/me")[0] == 401
    assert anyone.post("/auth/refresh", refresh)[0] == 401


def test_the_role_of_the_row_counts_not_that_of_the_token(sign_in: Any) -> None:
    user = make_user(role="admin")
    caller = bearer(sign_in(user)["access_token"])
    assert caller.get("/users")[0] == 200
    User.objects.filter(pk=user.pk).update(role="member")
    assert caller.get("/users")[0] == 403


def _forge(claims: dict[str, Any], *, key: str, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=header)


def _encode_part(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def test_forged_and_misused_tokens_are_refused(sign_in: Any) -> None:
    tokens = sign_in(make_user())
    key = str(django_settings.SIMPLE_JWT["SIGNING_KEY"])
    good = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    body = tokens["access_token"].split(".")[1]
    none = _encode_part(b'{"alg":"none","typ":"JWT"}')
    bad = {
        "algorithm none": f"{none}.{body}.",
        "nested header": f"{_encode_part(b'[' * 30_000)}.{body}.x",
        "other algorithm": _forge(good, key=key, algorithm="HS512"),
        "other key": _forge(good, key="k" * 48),
        "refresh as access": tokens["refresh_token"],
        "expired": _forge(good | {"exp": 1}, key=key),
        "not yet": _forge(good | {"nbf": good["exp"]}, key=key),
        "other issuer": _forge(good | {"iss": "other"}, key=key),
        "other audience": _forge(good | {"aud": "other"}, key=key),
        "no session": _forge({n: v for n, v in good.items() if n != "sid"}, key=key),
        "session of nobody": _forge(good | {"sid": good["sub"]}, key=key),
        "other user": _forge(good | {"sub": good["sid"]}, key=key),
        "session no id": _forge(good | {"sid": "x' OR 1=1"}, key=key),
        "key id": _forge(good, key="k" * 48, kid="../../dev/null"),
        "nonsense": "a.b.c",
    }
    for name, token in bad.items():
        status, answer = bearer(token).get("/users/me")
        assert (status, answer["error"]) == (401, "unauthenticated"), name


def test_an_access_token_is_no_refresh_token(anyone: Caller, sign_in: Any) -> None:
    token = sign_in(make_user())["access_token"]
    assert anyone.post("/auth/refresh", {"refresh_token": token})[0] == 401


def test_both_kinds_of_credentials_at_once_are_refused(sign_in: Any) -> None:
    headers = {"X-API-Key": secret_of(make_api_key())}
    token = sign_in(make_user())["access_token"]
    caller = Caller(headers | {"Authorization": f"Bearer {token}"})
    assert caller.get("/users/me")[0] == 401


def test_a_key_with_the_scope_users_validates_credentials_and_tokens(
    as_key: Any, sign_in: Any
) -> None:
    user = make_user()
    caller = as_key(make_api_key(organization=user.organization, scopes=["users"]))
    bodies = [
        {"email": user.email, "password": PASSWORD},
        {"token": sign_in(user)["access_token"]},
    ]
    for body in bodies:
        status, answer = caller.post("/auth/validate", body)
        assert (status, answer["data"]["valid"]) == (200, True)
        assert answer["data"]["user"]["id"] == str(user.pk)


def test_wrong_credentials_and_those_of_other_organizations_are_not_valid(
    as_key: Any, sign_in: Any
) -> None:
    user, stranger = make_user(), make_user()
    caller = as_key(make_api_key(organization=user.organization, scopes=["users"]))
    bodies = [
        {"email": user.email, "password": "wrong"},
        {"token": "nonsense"},
        {"email": stranger.email, "password": PASSWORD},
        {"token": sign_in(stranger)["access_token"]},
        {"token": sign_in(user)["refresh_token"]},
    ]
    for body in bodies:
        _, answer = caller.post("/auth/validate", body)
        assert answer["data"] == {"valid": False, "user": None}, body


def test_validating_without_a_body_is_about_the_bearer(as_user: Any, as_key: Any) -> None:
    admin = make_user(role="admin")
    status, answer = as_user(admin).post("/auth/validate")
    assert (status, answer["data"]["user"]["id"]) == (200, str(admin.pk))
    key = as_key(make_api_key(scopes=["users"]))
    assert key.post("/auth/validate")[0] == 400
    assert key.post("/auth/validate", {"email": "a@example.org"})[0] == 400


def test_validating_needs_the_scope_users(as_user: Any, as_key: Any, anyone: Caller) -> None:
    body = {"email": "a@example.org", "password": PASSWORD}
    assert anyone.post("/auth/validate", body)[0] == 401
    assert as_user(make_user()).post("/auth/validate", body)[0] == 403
    assert as_user(make_user(role="sender")).post("/auth/validate", body)[0] == 403
    assert as_key(make_api_key(scopes=["send", "read"])).post("/auth/validate", body)[0] == 403
