"""Requests that arrive at the same time. SQLite has one writer, so there is nothing to race."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import jwt
import pytest
from django.conf import settings
from django.db import connection

from apps.users.models import Device, Session, User
from tests.factories import PASSWORD, make_api_key, make_user
from tests.integration.users.conftest import Caller, bearer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(settings.IS_SQLITE, reason="needs PostgreSQL"),
]
THREADS = 8
Result = TypeVar("Result")


def _at_once(work: Callable[[int], Result], *, threads: int = THREADS) -> list[Result]:
    """Run `work(0..n-1)`, all starting together, and return the results."""
    barrier = Barrier(threads, timeout=10)

    def run(number: int) -> Result:
        try:
            barrier.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_concurrent_refreshes_get_one_and_the_same_refresh_token(
    anyone: Caller, sign_in: Any
) -> None:
    tokens = sign_in(make_user())
    body = {"refresh_token": tokens["refresh_token"]}
    results = _at_once(lambda _: anyone.post("/auth/refresh", body))
    assert Counter(status for status, _ in results) == {200: THREADS}
    refresh_tokens = [answer["data"]["refresh_token"] for _, answer in results]
    claims = [jwt.decode(each, options={"verify_signature": False}) for each in refresh_tokens]
    assert {claim["jti"] for claim in claims} == {Session.objects.get().current_jti.hex}
    assert bearer(results[0][1]["data"]["access_token"]).get("/users/me")[0] == 200


def test_of_concurrent_registrations_of_an_address_one_wins(anyone: Caller) -> None:
    body = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}
    results = _at_once(lambda _: anyone.post("/auth/register", body)[0])
    assert Counter(results) == {201: 1, 409: THREADS - 1}
    assert User.objects.count() == 1


def test_concurrent_registrations_of_a_token_make_one_device(as_key: Any) -> None:
    key = make_api_key(scopes=["users"])
    users = [make_user(organization=key.organization) for _ in range(THREADS)]
    caller, body = as_key(key), {"token": "token-of-all", "platform": "web"}
    results = _at_once(lambda n: caller.post(f"/users/{users[n].pk}/devices", body)[0])
    assert Counter(results) == {201: THREADS}
    assert Device.objects.count() == 1


def test_an_erasure_leaves_no_device_that_was_registered_meanwhile(as_key: Any) -> None:
    key = make_api_key(scopes=["users"])
    user, caller = make_user(organization=key.organization), as_key(key)

    def work(number: int) -> int:
        if number == 0:
            return int(caller.delete(f"/users/{user.pk}")[0])
        body = {"token": f"token-of-device-{number}", "platform": "web"}
        return int(caller.post(f"/users/{user.pk}/devices", body)[0])

    erased, *registered = _at_once(work)
    assert erased == 200
    assert set(registered) <= {201, 404}
    assert not Device.objects.exists()


def test_a_sign_in_during_a_password_change_does_not_outlive_it(anyone: Caller) -> None:
    user = make_user()
    body = {"email": user.email, "password": PASSWORD}
    _, answer = anyone.post("/auth/login", body)
    caller = bearer(answer["data"]["access_token"])
    change = {"current_password": PASSWORD, "password": "another long password"}

    def work(number: int) -> int:
        if number == 0:
            return int(caller.patch(f"/users/{user.pk}", change)[0])
        return int(anyone.post("/auth/login", body)[0])

    changed, *signed_in = _at_once(work)
    assert changed == 200
    assert set(signed_in) <= {200, 401}
    assert not Session.objects.filter(revoked_at__isnull=True).exists()
