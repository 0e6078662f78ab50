"""Wrong paths, queries, methods and headers are 4xx in the envelope, with a correlation id."""

from typing import Any
from uuid import uuid4

import pytest

from apps.notifications.models import Notification
from notifier.models import Organization
from tests.integration.api.calling import Caller, key_of
from tests.integration.api.world import World
from tests.integration.notifications.ledger import mail

pytestmark = pytest.mark.django_db

NOWHERE = [
    "/nothing",
    "/notifications/1",
    "/notifications/%00",
    "/notifications/%ff%fe",
    "/notifications//status",
    f"/notifications/{uuid4()}/nothing",
    f"/notifications/{uuid4()}x",
    "/users/%00",
    "/templates/%00",
    "/templates/a%2Fb",
    "/templates/%ed%a0%80",
    "/templates/Welcome",
    f"/templates/{'x' * 5000}",
    "/templates/welcome/versions/99999999999999999999",
    "/batches/1",
    "/webhooks/%00",
    "/..",
    "/%2e%2e/admin",
]


def test_a_path_that_leads_nowhere_is_a_404(world: World) -> None:
    for path in NOWHERE:
        for slash in ("", "/"):
            answer = world.callers["admin"].get(path + slash)
            expected = {404, 405} if path.startswith("/webhooks") else {404}
            assert answer.status in expected, path
    endless = "/templates/welcome/versions/99999999999999999999/publish"
    assert world.callers["admin"].post(endless).status == 404


def test_strangers_learn_of_missing_paths_in_the_envelope(db: None) -> None:
    for path in ("//nothing", "//api", "//api/v2/users", "//api/v1"):
        assert Caller().get(path).status == 404


PARAMETERS = {
    "/users": ("email", "role", "is_active", "page", "limit"),
    "/templates": ("channel", "language", "search", "page", "limit"),
    "/notifications": (
        "status",
        "notification_type",
        "user_id",
        "template_code",
        "batch_id",
        "recipient",
        "created_after",
        "created_before",
        "cursor",
        "page",
        "limit",
    ),
    "/dead-letters": ("notification_type", "error_code", "provider", "failed_after"),
    "/stats": ("hours",),
}
STRANGE_QUERIES = ["%00", "%ff", "a%00b", "%ed%a0%80", "x" * 5000, "[]", "-1"]


def test_no_query_is_too_strange(world: World) -> None:
    for query in STRANGE_QUERIES:
        for path, parameters in PARAMETERS.items():
            for name in parameters:
                answer = world.callers["admin"].get(f"{path}?{name}={query}")
                assert answer.status in {200, 400}, (path, name)
                if "%00" in query:
                    assert answer.status == 400, (path, name)
                if answer.status == 400:
                    assert answer.fields == [name]


def test_an_unknown_method_is_a_405(world: World) -> None:
    for path in ("/notifications", "/users", "/live"):
        for method in ("TRACE", "CONNECT", "PROPFIND", "get2"):
            answer = world.callers["admin"].call(method, path)
            assert (answer.status, answer.error) == (405, "method_not_allowed"), (path, method)


def test_strange_credentials_are_a_401(db: None) -> None:
    for headers in (
        {"X-API-Key": "x" * 10_000},
        {"X-API-Key": "ä\x00"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer \xff"},
        {"Authorization": f"Bearer {'[' * 5000}"},
        {"Authorization": "Bearer x", "X-API-Key": "y"},
    ):
        for path in ("/users/me", "/notifications"):
            answer = Caller(headers).get(path)
            assert (answer.status, answer.error) == (401, "unauthenticated"), headers


# --- correlation -----------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["X-Correlation-ID", "X-Request-ID"])
@pytest.mark.parametrize("given", ["a", "Shop_7.order-1", "x" * 128])
def test_a_correlation_id_is_taken_and_echoed_and_stored(
    organization: Organization, header: str, given: str
) -> None:
    caller = key_of(organization, "send")
    answer = caller.call("POST", "/notifications", mail(), **{header: given})
    assert answer.headers["X-Correlation-ID"] == given
    stored = Notification.objects.get(pk=answer.data["notification_id"])
    assert stored.correlation_id == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "ä", "a\tb", "a;b", '"a"', "{{7*7}}"])
def test_another_correlation_id_is_replaced(db: None, given: str) -> None:
    answer = Caller().call("GET", "/live", X_Correlation_ID=given)
    assert answer.headers["X-Correlation-ID"] not in {given, ""}
    again = Caller().call("GET", "/live", X_Correlation_ID=given)
    assert again.headers["X-Correlation-ID"] != answer.headers["X-Correlation-ID"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "/users/me", None, 401),
        ("PUT", "/live", None, 405),
        ("POST", "/auth/login", b"{", 400),
    ],
)
def test_errors_echo_the_correlation_id_too(
    db: None, method: str, path: str, body: Any, status: int
) -> None:
    answer = Caller().call(method, path, body, X_Correlation_ID="shop-7")
    assert answer.status == status
    assert answer.headers["X-Correlation-ID"] == "shop-7"
    assert answer.data["correlation_id"] == "shop-7"
