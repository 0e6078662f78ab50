"""What browsers are told, and who is shown what in production."""

import re
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from apps.notifications.management.csv_sending import _disarm as disarm
from apps.users.models import User
from tests.factories import PASSWORD, make_organization, make_user
from tests.integration.api.calling import key_of, person

pytestmark = pytest.mark.django_db
ADA = "https://ada.example.org"
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=|javascript:|\sstyle=", re.IGNORECASE
)
PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def operator() -> Client:
    user = User.objects.create_superuser(email="operator@example.org", password=PASSWORD)
    client = Client()
    client.force_login(user)
    return client


EVERYWHERE = (
    "/live",
    "/metrics",
    "/api/v1/users",
    "/api/v1/nowhere",
    "/nowhere",
    "/api/schema",
    "/api/docs",
    "/inbox",
    "/admin/login/",
    "/unsubscribe/no",
    "/static/delivery/inbox.js",
)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_tells_browsers_what_it_may_do(path: str) -> None:
    answer = Client().get(path)
    answer.getvalue()
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in _directive(policy, "script-src")
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_only_the_admin_may_compile_expressions(operator: Client) -> None:
    policies = {path: _read_policy(operator, path) for path in EVERYWHERE}
    lax = [path for path, policy in policies.items() if "unsafe" in policy]
    assert lax == ["/admin/login/"]


def test_no_page_of_ours_has_anything_inline(operator: Client) -> None:
    for path in ("/api/docs", "/inbox", "/unsubscribe/no"):
        page = operator.get(path).content.decode()
        assert not INLINE.findall(page), path


def test_the_docs_load_nothing_from_afar() -> None:
    page = Client().get("/api/docs").content.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) >= 5
    assert [each for each in addresses if not each.startswith("/")] == []
    script = Client().get("/api/docs?script=")
    assert script["Content-Type"] == "application/javascript"
    assert b"SwaggerUIBundle" in script.content


def test_an_origin_on_the_list_may_call_the_api(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ADA]
    asked = {
        "Origin": ADA,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key,idempotency-key,content-type",
    }
    preflight = Client(headers=asked).options("/api/v1/notifications")
    assert preflight["Access-Control-Allow-Origin"] == ADA
    assert {"x-api-key", "idempotency-key"} <= set(
        preflight["Access-Control-Allow-Headers"].split(", ")
    )
    answer = Client(headers={"Origin": ADA}).get("/api/v1/users")
    assert answer["Access-Control-Allow-Origin"] == ADA
    assert "RateLimit" in answer["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize(
    "origin", [f"{ADA}.evil.org", "http://ada.example.org", f"{ADA}:8443", "null", "https://evil"]
)
def test_no_other_origin_may(settings: Settings, origin: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ADA]
    for call in (
        Client(headers={"Origin": origin}).get,
        Client(headers={"Origin": origin}).options,
    ):
        assert "Access-Control-Allow-Origin" not in call("/api/v1/users")


def test_in_production_strangers_see_neither_metrics_nor_schema_nor_docs(
    settings: Settings,
) -> None:
    settings.NOTIFIER_ENV = "production"
    member = person(make_user(organization=make_organization()))
    for path in ("/metrics", "/api/schema", "/api/docs", "/api/docs?script="):
        assert Client().get(path).status_code == 401, path
        assert Client(headers={"X-API-Key": "no"}).get(path).status_code == 401, path
        assert member.send("GET", f"/{path}").status_code in (401, 403), path


def test_in_production_operators_and_programs_see_them(
    settings: Settings, operator: Client
) -> None:
    settings.NOTIFIER_ENV = "production"
    organization = make_organization()
    reader, sender = key_of(organization, "read"), key_of(organization, "send")
    admin = person(make_user(organization=organization, role="admin"))
    for path in ("/api/schema", "/api/docs"):
        assert operator.get(path).status_code == 200, path
        assert reader.send("GET", f"/{path}").status_code == 200, path
        assert admin.send("GET", f"/{path}").status_code == 200, path
        assert sender.send("GET", f"/{path}").status_code == 403, path


def test_the_docs_can_be_public_and_private_anywhere(settings: Settings) -> None:
    settings.NOTIFIER_ENV, settings.API_DOCS = "production", "public"
    assert Client().get("/api/docs").status_code == 200
    settings.NOTIFIER_ENV, settings.API_DOCS = "development", "private"
    assert Client().get("/api/docs").status_code == 401


def test_a_page_that_changes_something_wants_its_token(operator: Client) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"Origin": "https://evil.example"})
    strict.cookies = operator.cookies
    assert strict.post("/inbox/clear").status_code == 403
    assert strict.post("/admin/logout/").status_code == 403


@pytest.mark.parametrize("path", ["/inbox", "/inbox/messages"])
def test_a_page_is_not_shown_under_another_name(path: str) -> None:
    """A site whose name is made to lead to 127.0.0.1 (DNS rebinding) reads nothing here."""
    assert Client().get(path).status_code == 200
    assert Client(headers={"Host": "rebound.example"}).get(path).status_code == 400


def test_no_other_code_writes_spreadsheets() -> None:
    """A cell that begins with = is a formula: whoever adds an export has to disarm it too."""
    sources = [
        path for folder in ("apps", "notifier") for path in (PROJECT / folder).rglob("*.py")
    ]
    writing = re.compile(r"csv\.(Dict)?[wW]riter|content_type=.text/csv")
    writers = [path.name for path in sources if writing.search(path.read_text())]
    assert writers == ["csv_sending.py"]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"]
)
def test_no_cell_that_is_written_is_a_formula(cell: str) -> None:
    assert disarm(cell) == f"'{cell}"
    assert disarm(f"a{cell}") == f"a{cell}"


def _read_policy(client: Client, path: str) -> str:
    answer = client.get(path)
    answer.getvalue()  # a static file is open until it has been read
    return str(answer["Content-Security-Policy"])


def _directive(policy: str, name: str) -> str:
    return next((part for part in policy.split(";") if part.strip().startswith(name)), "")
