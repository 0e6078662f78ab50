"""`manage.py changepassword`: the way back in for an operator."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.users.models import User
from apps.users.services import open_session
from notifier.models import AuditEntry
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PASSWORD = "a new and long password"  # noqa: S105  # of nobody


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is typed at the prompts, which only a terminal has."""
    answers: list[str] = []
    monkeypatch.setattr(
        "apps.users.management.commands.changepassword.getpass", lambda _: answers.pop(0)
    )
    return answers


def change(address: str) -> str:
    out = StringIO()
    call_command("changepassword", address, stdout=out)
    return out.getvalue()


def test_the_password_is_changed_and_every_session_ends(typed: list[str]) -> None:
    user = make_user(email="ada@example.org")
    open_session(user=user, now=timezone.now())
    typed += [PASSWORD, PASSWORD]
    assert "sessions have ended" in change("ADA@example.org")
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
    assert not user.sessions.filter(revoked_at=None).exists()
    assert AuditEntry.objects.filter(action="user.changed", object_id=str(user.pk)).exists()


@pytest.mark.parametrize(
    ("answers", "told"),
    [([PASSWORD, "another"], "not the same"), (["12345", "12345"], "password")],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    typed: list[str], answers: list[str], told: str
) -> None:
    user = make_user(email="ada@example.org")
    typed += answers
    with pytest.raises(CommandError, match=told):
        change("ada@example.org")
    assert User.objects.get(pk=user.pk).password == user.password


@pytest.mark.parametrize("address", ["nobody@example.org", "no address"])
def test_an_unknown_address_is_said(typed: list[str], address: Any) -> None:
    with pytest.raises(CommandError, match="no user"):
        change(address)
