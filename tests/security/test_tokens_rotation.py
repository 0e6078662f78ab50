"""Refresh tokens: each works once, a second use is a theft unless it is a double click."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.users.models import Session
from apps.users.models.sessions import REUSE_GRACE
from tests.factories import make_user
from tests.integration.users.conftest import Caller, bearer
from tests.security.signed_in import read_claims, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fast_hasher")]
ANYONE = Caller()


def test_using_a_refresh_token_twice_ends_the_whole_session() -> None:
    user = make_user()
    first, other = sign_in(user), sign_in(user)
    old = {"refresh_token": first["refresh_token"]}
    _, second = ANYONE.post("/auth/refresh", old)
    newest = {"refresh_token": second["data"]["refresh_token"]}
    with time_machine.travel(timezone.now() + REUSE_GRACE + timedelta(seconds=1)):
        assert ANYONE.post("/auth/refresh", old)[0] == 401
        assert ANYONE.post("/auth/refresh", newest)[0] == 401
        assert bearer(second["data"]["access_token"]).get("/users/me")[0] == 401
        assert bearer(other["access_token"]).get("/users/me")[0] == 200


def test_a_double_click_gets_the_same_new_refresh_token() -> None:
    body = {"refresh_token": sign_in(make_user())["refresh_token"]}
    with time_machine.travel(timezone.now(), tick=False):
        first, second = (ANYONE.post("/auth/refresh", body)[1]["data"] for _ in range(2))
    assert (
        read_claims(first["refresh_token"])["jti"] == read_claims(second["refresh_token"])["jti"]
    )
    third = ANYONE.post("/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert third[0] == 200
    assert bearer(first["access_token"]).get("/users/me")[0] == 200


def test_only_the_last_refresh_token_has_the_grace_of_a_double_click() -> None:
    oldest = {"refresh_token": sign_in(make_user())["refresh_token"]}
    _, second = ANYONE.post("/auth/refresh", oldest)
    ANYONE.post("/auth/refresh", {"refresh_token": second["data"]["refresh_token"]})
    assert ANYONE.post("/auth/refresh", oldest)[0] == 401
    assert not Session.objects.filter(revoked_at__isnull=True).exists()


def test_a_session_ends_after_ninety_days_however_often_it_is_refreshed() -> None:
    tokens = sign_in(make_user())
    start = timezone.now()
    for days in (13, 26, 39, 52, 65, 78, 89):
        with time_machine.travel(start + timedelta(days=days), tick=False):
            body = {"refresh_token": tokens["refresh_token"]}
            status, answer = ANYONE.post("/auth/refresh", body)
            assert status == 200, days
            tokens = answer["data"]
    with time_machine.travel(start + timedelta(days=90, seconds=5), tick=False):
        body = {"refresh_token": tokens["refresh_token"]}
        assert ANYONE.post("/auth/refresh", body)[0] == 401
        assert bearer(tokens["access_token"]).get("/users/me")[0] == 401
