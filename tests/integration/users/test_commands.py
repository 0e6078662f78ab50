"""`create_organization`, `create_api_key` and `createsuperuser`, as an operator runs them."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.users.models import ApiKey, User
from notifier.models import Organization
from tests.factories import make_api_key, make_organization, make_user
from tests.integration.users.conftest import Caller

pytestmark = pytest.mark.django_db
ACME = ["--slug", "acme", "--name", "Acme"]


def _run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_an_organization_comes_with_an_admin_who_can_sign_in(anyone: Caller) -> None:
    output = _run("create_organization", *ACME, "--admin-email", "boss@example.org", "--json")
    report = json.loads(output)
    admin = User.objects.get()
    assert (admin.role, admin.organization.slug, admin.is_staff) == ("admin", "acme", False)
    assert report["id"] == str(admin.organization_id)
    body = {"email": "boss@example.org", "password": report["admin"]["password"]}
    assert anyone.post("/auth/login", body)[0] == 200


def test_a_given_password_is_not_printed(anyone: Caller) -> None:
    secret = "a password that was given"  # noqa: S105  # of this test
    arguments = ["--admin-email", "boss@example.org", "--admin-password", secret]
    assert secret not in _run("create_organization", *ACME, *arguments)
    assert anyone.post("/auth/login", {"email": "boss@example.org", "password": secret})[0] == 200


def test_an_organization_may_come_without_an_admin() -> None:
    assert json.loads(_run("create_organization", *ACME, "--json"))["admin"] is None
    assert not User.objects.exists()


def test_a_slug_or_address_that_is_taken_fails_and_leaves_nothing() -> None:
    make_organization(slug="acme")
    with pytest.raises(CommandError, match="the organization acme exists"):
        _run("create_organization", *ACME)
    user = make_user()
    with pytest.raises(CommandError, match="address exists"):
        _run("create_organization", "--slug", "new", "--name", "N", "--admin-email", user.email)
    with pytest.raises(CommandError, match="slug"):
        _run("create_organization", "--slug", "Not a slug", "--name", "N")
    assert not Organization.objects.filter(slug="new").exists()


def test_a_key_for_the_default_organization_works_on_a_fresh_installation(
    as_key: Any, anyone: Caller
) -> None:
    arguments = ["--name", "Shop", "--scopes", "users,send", "--mode", "test", "--json"]
    report = json.loads(_run("create_api_key", *arguments))
    assert report.keys() == {"id", "name", "key", "scopes", "mode", "expires_at"}
    assert report["expires_at"] is None
    assert (report["name"], report["scopes"], report["mode"]) == (
        "Shop",
        ["send", "users"],
        "test",
    )
    assert ApiKey.objects.get().organization.slug == "default"
    assert Caller({"X-API-Key": report["key"]}).get("/users")[0] == 200


def test_a_key_is_made_for_the_named_organization_alone() -> None:
    key = make_api_key()
    slug = key.organization.slug
    _run("create_api_key", "--name", "B", "--scopes", "send", "--organization", slug)
    assert ApiKey.objects.filter(organization=key.organization).count() == 2
    with pytest.raises(CommandError, match="no organization nowhere"):
        _run("create_api_key", "--name", "B", "--scopes", "send", "--organization", "nowhere")
    with pytest.raises(CommandError, match="scopes"):
        _run("create_api_key", "--name", "B", "--scopes", "send,everything")


@pytest.mark.parametrize(
    ("expires", "days"), [("1", 1), ("3650", 3650), ("2031-01-31", None), ("20310131", None)]
)
def test_a_key_can_be_made_to_end(expires: str, days: int | None) -> None:
    arguments = ["--name", "Shop", "--scopes", "send", "--expires", expires, "--json"]
    report = json.loads(_run("create_api_key", *arguments))
    stored = ApiKey.objects.get().expires_at
    assert stored is not None
    assert datetime.fromisoformat(report["expires_at"]) == stored
    if days is None:
        assert stored == datetime(2031, 1, 31, tzinfo=UTC)
    else:
        ends_in = stored - timezone.now()
        assert timedelta(0) <= timedelta(days=days) - ends_in < timedelta(minutes=1)


@pytest.mark.parametrize("expires", ["0", "-1", "3651", "soon", "2031-02-30", "1999-01-01", "٣"])
def test_a_key_that_could_never_be_used_is_not_made(expires: str) -> None:
    with pytest.raises(CommandError, match=r"expected 1 to 3650 days|expires_at|--expires"):
        _run("create_api_key", "--name", "Shop", "--scopes", "send", f"--expires={expires}")
    assert not ApiKey.objects.exists()


def test_an_operator_is_an_admin_of_the_default_organization(
    monkeypatch: pytest.MonkeyPatch, anyone: Caller
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long enough password")
    _run("createsuperuser", "--email", "Operator@example.org", "--noinput")
    user = User.objects.get()
    assert (user.role, user.organization.slug) == ("admin", "default")
    assert user.is_staff
    assert user.is_superuser
    with pytest.raises(CommandError):
        _run("createsuperuser", "--email", "operator@example.org", "--noinput")
