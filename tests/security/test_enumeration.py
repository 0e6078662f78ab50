"""Signing in tells nobody which addresses have an account, neither in words nor in time."""

import json
import statistics
import time
from collections.abc import Iterator
from typing import Final

import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from pytest_django import Settings

from tests.factories import PASSWORD, make_organization, make_user
from tests.integration.api.calling import Caller

pytestmark = pytest.mark.django_db
ROUNDS: Final = 8  # 16 times as fast as in the product; still far more than all the rest
SAMPLES: Final = 25
TOLERANCE: Final = 0.15  # of CPU time, which other processes of the machine do not touch


@pytest.fixture
def attempts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Return one body for each reason not to be let in."""
    settings.RATE_LIMIT_LOGIN = settings.RATE_LIMIT_ANON = None
    monkeypatch.setattr(BCryptSHA256PasswordHasher, "rounds", ROUNDS)
    make_user(email="known@example.org")
    make_user(email="inactive@example.org", is_active=False)
    make_user(email="no-password@example.org", password=None)
    make_user(email="closed@example.org", organization=make_organization(is_active=False))
    wrong = {"known": "a wrong password"}
    kinds = ("known", "unknown", "inactive", "no-password", "closed")
    return {
        kind: {"email": f"{kind}@example.org", "password": wrong.get(kind, PASSWORD)}
        for kind in kinds
    }


def test_nobody_is_told_why_he_is_not_let_in(attempts: dict[str, dict[str, str]]) -> None:
    answers = [Caller().post("/auth/login", body) for body in attempts.values()]
    assert {answer.status for answer in answers} == {401}
    said = {json.dumps({**answer.body, "data": answer.data["errors"]}) for answer in answers}
    assert len(said) == 1
    assert len({frozenset(answer.headers) for answer in answers}) == 1


def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    attempts: dict[str, dict[str, str]],
) -> None:
    for body in attempts.values():
        Caller().post("/auth/login", body)  # what is done once only
    taken: dict[str, list[float]] = {kind: [] for kind in attempts}
    for _ in range(SAMPLES):
        for kind, seconds in _measure_each(attempts):
            taken[kind].append(seconds)
    medians = {kind: statistics.median(seconds) for kind, seconds in taken.items()}
    for kind, median in medians.items():
        assert median == pytest.approx(medians["known"], rel=TOLERANCE), (kind, medians)


def _measure_each(attempts: dict[str, dict[str, str]]) -> Iterator[tuple[str, float]]:
    for kind, body in attempts.items():
        begun = time.process_time()
        Caller().post("/auth/login", body)
        yield kind, time.process_time() - begun
