"""Signing in to the admin: how often one may try, and for how long it lasts."""

import re
from datetime import timedelta
from typing import cast

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from apps.users.models import User
from notifier.quotas import Quota
from notifier.sessions import LONGEST_SESSION, RENEWED_AFTER
from tests.factories import PASSWORD, make_user
from tests.integration.api.calling import Caller

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser(email="operator@example.org", password=PASSWORD)


def sign_in(client: Client, email: str, password: str = PASSWORD, **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"username": email, "password": password}
    return cast("HttpResponse", client.post(LOGIN, form, headers=named))


def test_eleven_wrong_passwords_lock_the_account(operator: User, settings: Settings) -> None:
    settings.RATE_LIMIT_LOGIN = Quota(count=10, seconds=900)
    settings.TRUSTED_PROXY_COUNT = 1
    places = [f"203.0.113.{number}" for number in range(12)]
    statuses = [
        sign_in(Client(), operator.email, "wrong", X_Forwarded_For=place).status_code
        for place in places[:11]
    ]
    assert statuses == [200] * 10 + [429]
    locked = sign_in(Client(), operator.email, X_Forwarded_For=places[11])
    assert locked.status_code == 429
    assert re.fullmatch(r"[1-9]\d*", locked["Retry-After"])
    assert '"login-account";r=0' in locked["RateLimit"]
    assert Client().get(LOGIN).status_code == 200


def test_the_api_and_the_admin_count_the_same_attempts(operator: User, settings: Settings) -> None:
    settings.RATE_LIMIT_LOGIN = Quota(count=4, seconds=900)
    guess = {"email": operator.email, "password": "wrong"}
    assert [Caller().post("/auth/login", guess).status for _ in range(2)] == [401] * 2
    statuses = [sign_in(Client(), operator.email, "wrong").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_one_address_cannot_try_many_accounts(settings: Settings) -> None:
    settings.RATE_LIMIT_LOGIN = Quota(count=3, seconds=900)
    emails = [f"operator-{number}@example.org" for number in range(4)]
    assert [sign_in(Client(), email).status_code for email in emails] == [200] * 3 + [429]


def test_a_right_password_is_no_attempt(operator: User, settings: Settings) -> None:
    settings.RATE_LIMIT_LOGIN = Quota(count=2, seconds=900)
    assert {sign_in(Client(), operator.email).status_code for _ in range(5)} == {302}


def test_a_right_password_of_nobody_in_particular_counts(settings: Settings) -> None:
    settings.RATE_LIMIT_LOGIN = Quota(count=2, seconds=900)
    member = make_user()
    statuses = [sign_in(Client(), member.email).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_signing_in_changes_the_session(operator: User) -> None:
    client = Client()
    session = client.session
    session["seen"] = True
    session.save()
    planted = session.session_key
    sign_in(client, operator.email)
    assert client.session.session_key != planted


def test_the_cookie_is_for_the_browser_alone(operator: User) -> None:
    client = Client()
    sign_in(client, operator.email)
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 2 * 3600


def test_a_session_ends_however_busy_it_is(operator: User) -> None:
    client = Client()
    sign_in(client, operator.email)
    assert client.get("/admin/").status_code == 200
    session = client.session
    assert abs(session["signed_in_at"] - timezone.now().timestamp()) < 60
    session["signed_in_at"] -= LONGEST_SESSION.total_seconds() + 1
    session.save()
    assert client.get("/admin/").status_code == 302
    assert client.get("/metrics").status_code == 200
    sign_in(client, operator.email)
    assert client.get("/admin/").status_code == 200


def test_whoever_stays_away_for_two_hours_is_signed_out(operator: User) -> None:
    client = Client()
    sign_in(client, operator.email)
    assert 7100 < _seconds_left() <= 7200
    Session.objects.update(expire_date=timezone.now())
    assert client.get("/admin/").status_code == 302


def test_whoever_works_on_stays_signed_in(operator: User) -> None:
    client = Client()
    sign_in(client, operator.email)
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=60))
    assert client.get("/admin/").status_code == 200
    assert _seconds_left() <= 60  # not written at every request
    with time_machine.travel(timezone.now() + RENEWED_AFTER, tick=True):
        Session.objects.update(expire_date=timezone.now() + timedelta(seconds=60))
        answer = client.get("/admin/")
        assert answer.status_code == 200
        assert answer.cookies["sessionid"]["max-age"] == 7200
        assert _seconds_left() > 7100


def test_the_api_knows_no_sessions(operator: User) -> None:
    client = Client()
    sign_in(client, operator.email)
    assert client.get("/api/v1/users/me").status_code == 401
    assert "Set-Cookie" not in Client().get("/api/v1/users/me").headers


def test_a_probe_with_a_cookie_touches_no_database(
    operator: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = Client()
    sign_in(client, operator.email)
    with django_assert_num_queries(0):
        assert client.get("/live").status_code == 200


def _seconds_left() -> float:
    return (Session.objects.get().expire_date - timezone.now()).total_seconds()
