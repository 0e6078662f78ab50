"""The short way through the WSGI handler: the same answers as Django's, and all of them."""

from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from apps.notifications.models import Notification
from notifier.models import Organization
from tests.factories import make_user
from tests.integration.api.calling import API, Caller, key_of
from tests.integration.notifications.ledger import mail, push
from tests.integration.quick.serving import Answered, call

pytestmark = pytest.mark.django_db(transaction=True)
# What differs from one answer to the next.
OWN = {"Location", "RateLimit", "X-Correlation-ID"}


def count_requests(route: str) -> float:
    labels = {"route": route, "method": "POST", "status": "202"}
    return REGISTRY.get_sample_value("notifier_http_requests_total", labels) or 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/notifications", mail()),
        ("/notifications/", push()),
        ("/notifications/email", {key: mail()[key] for key in ("to", "content")}),
        ("/notifications/push/", {key: push()[key] for key in ("to", "content")}),
    ],
)
def test_an_accept_is_answered_and_counted_as_by_django(
    sender: Caller, path: str, body: dict[str, Any]
) -> None:
    ordinary = sender.post(path, body)
    route = f"{API}{path}".rstrip("/")
    before = count_requests(route)
    quick = call(sender, "POST", path, body, **{"X-Correlation-ID": "from-far"})
    assert quick.status == "202 Accepted"
    assert quick.headers.keys() == ordinary.headers.keys()
    for name in quick.headers.keys() - OWN:
        assert quick.headers[name] == ordinary.headers[name]
    assert quick.headers["X-Correlation-ID"] == "from-far"
    assert quick.body.keys() == ordinary.body.keys()
    stored = Notification.objects.get(pk=quick.body["data"]["notification_id"])
    assert (stored.correlation_id, stored.status) == ("from-far", "pending")
    assert count_requests(route) == before + 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{not json", "400 Bad Request"),
        (mail(priority=99), "400 Bad Request"),
        (mail(template_code="nobody-knows", content=None), "404 Not Found"),
    ],
)
def test_what_cannot_be_accepted_is_answered_by_django(
    sender: Caller, body: object, status: str
) -> None:
    quick, ordinary = (
        call(sender, "POST", "/notifications", body),
        sender.post("/notifications", body),
    )
    assert quick.status == status == f"{ordinary.status} {quick.status.partition(' ')[2]}"
    assert quick.headers.keys() == ordinary.headers.keys()
    for each in (quick.body, ordinary.body):
        assert each["data"].pop("correlation_id")
    assert quick.body == ordinary.body


def test_a_replay_and_other_methods_are_answered_by_django(sender: Caller) -> None:
    order = mail(request_id="order-1")
    first, again = (call(sender, "POST", "/notifications", order) for _ in range(2))
    assert (first.status, again.status) == ("202 Accepted", "200 OK")
    assert again.headers["Idempotent-Replayed"] == "true"
    listed = call(sender, "GET", "/notifications")
    assert (listed.status, listed.body["meta"]["total"]) == ("200 OK", 2)
    assert call(sender, "PUT", "/notifications").status == "405 Method Not Allowed"
    assert call(Caller(), "POST", "/notifications", order).status == "401 Unauthorized"


def test_a_request_that_goes_both_ways_is_charged_once(sender: Caller) -> None:
    def left(answered: Answered) -> int:
        return int(answered.headers["RateLimit"].partition(";r=")[2].partition(";")[0])

    wrong = [left(call(sender, "POST", "/notifications", mail(priority=99))) for _ in range(2)]
    assert wrong[1] == wrong[0] - 1


def test_what_is_remembered_is_read_as_by_django(organization: Organization) -> None:
    reader = key_of(organization, "users", "send")
    path = f"/users/{make_user(organization=organization).pk}"
    ordinary = reader.get(path)
    for _ in range(2):
        quick = call(reader, "GET", path)
        assert (quick.status, quick.body) == ("200 OK", ordinary.body)
        assert quick.headers.keys() == ordinary.headers.keys()
    assert call(reader, "GET", f"/users/{UUID(int=7)}").status == "404 Not Found"
    assert call(reader, "GET", "/users/nobody").status == "404 Not Found"
    assert call(Caller(), "GET", path).status == "401 Unauthorized"
