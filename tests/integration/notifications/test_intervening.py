"""Cancel, replay, dead letters, and what the outside reports."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from apps.notifications.models import Notification, NotificationEvent, Receipt
from apps.notifications.services.receipts import (
    ReportedEvent,
    apply_stored_receipts,
    store_receipts,
)
from notifier.models import Organization
from tests.factories import make_organization, make_user
from tests.integration.api.calling import Answer, Caller, key_of, person
from tests.integration.notifications.ledger import (
    accept,
    begin,
    finish,
    mail,
    push,
    status_of,
)

pytestmark = pytest.mark.django_db
ORDERS = list(permutations(["delivered", "opened", "bounced"]))


@pytest.fixture
def key(organization: Organization) -> Caller:
    return key_of(organization, "send", "read", "admin")


@pytest.fixture
def reporter(organization: Organization) -> Caller:
    return key_of(organization, "status")


def apply_all() -> None:
    apply_stored_receipts(ids=list(Receipt.objects.values_list("pk", flat=True)))


def make_in_state(key: Caller, status: str) -> UUID:
    """Return a notification that is where `status` says."""
    notification_id = accept(key)
    if status == "sending":
        begin(notification_id)
    elif status == "queued":
        Notification.objects.filter(pk=notification_id).update(status="queued")
    elif status == "cancelled":
        assert key.post(f"/notifications/{notification_id}/cancel").status == 200
    elif status == "expired":
        Notification.objects.filter(pk=notification_id).update(status="expired")
    elif status != "pending":
        finish(notification_id, status)
    return notification_id


# --- cancel and replay -----------------------------------------------------------------------


def test_a_pending_notification_can_be_cancelled(key: Caller) -> None:
    notification_id = accept(key)
    answer = key.post(f"/notifications/{notification_id}/cancel")
    assert (answer.status, answer.data["status"]) == (200, "cancelled")
    assert (answer.data["reason"], answer.data["finished_at"] is None) == ("requested", False)
    again = key.post(f"/notifications/{notification_id}/cancel")
    assert (again.status, again.error) == (409, "conflict")


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "failed", "expired", "skipped"])
def test_nothing_else_can_be_cancelled(key: Caller, status: str) -> None:
    notification_id = make_in_state(key, status)
    assert key.post(f"/notifications/{notification_id}/cancel").status == 409
    assert status_of(notification_id) == status


def test_a_failed_notification_can_be_replayed(key: Caller) -> None:
    notification_id = finish(accept(key), "failed", error_code="smtp_550", error="no such box")
    answer = key.post(f"/notifications/{notification_id}/replay")
    assert (answer.status, answer.data["status"], answer.data["reason"]) == (
        202,
        "pending",
        "replay",
    )
    assert (answer.data["error_code"], answer.data["finished_at"]) == (None, None)
    assert key.post(f"/notifications/{notification_id}/replay").status == 409
    finish(notification_id)


@pytest.mark.parametrize(
    "status", ["pending", "queued", "sending", "sent", "cancelled", "expired", "skipped"]
)
def test_nothing_else_can_be_replayed(key: Caller, status: str) -> None:
    notification_id = make_in_state(key, status)
    answer = key.post(f"/notifications/{notification_id}/replay")
    assert (answer.status, answer.error) == (409, "conflict")
    assert status_of(notification_id) == status


# --- dead letters ----------------------------------------------------------------------------


def ids_of(answer: Answer) -> list[str]:
    return [row["id"] for row in answer.data]


def test_dead_letters_are_listed_newest_first_and_by_filter(key: Caller) -> None:
    accept(key)
    finish(accept(key))
    first = str(finish(accept(key), "failed", error_code="smtp_550", provider="one"))
    second = str(finish(accept(key, push()), "failed", error_code="unregistered", provider="two"))
    assert ids_of(key.get("/dead-letters")) == [second, first]
    assert ids_of(key.get("/dead-letters?error_code=smtp_550")) == [first]
    assert ids_of(key.get("/dead-letters?provider=two")) == [second]
    assert ids_of(key.get("/dead-letters?notification_type=push")) == [second]
    assert ids_of(key.get("/dead-letters?template_code=welcome")) == []
    assert ids_of(key.get("/dead-letters?recipient=ada@example.org")) == [first]
    middle = Notification.objects.get(pk=second).finished_at
    assert middle is not None
    moment = middle.isoformat().replace("+00:00", "Z")
    assert ids_of(key.get(f"/dead-letters?failed_after={moment}")) == [second]
    assert ids_of(key.get(f"/dead-letters?failed_before={moment}")) == [first]
    page = key.get("/dead-letters?limit=1&page=2")
    assert (ids_of(page), page.body["meta"]["total"]) == ([first], 2)
    assert ids_of(key_of(make_organization(), "read").get("/dead-letters")) == []


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_a_dry_run_changes_nothing(key: Caller, action: str) -> None:
    notification_id = finish(accept(key), "failed")
    body = {"ids": [str(notification_id)], "dry_run": True}
    answer = key.post(f"/dead-letters/{action}", body)
    assert (answer.status, answer.data) == (
        200,
        {"matched": 1, "changed": 0, "dry_run": True, "ids": [str(notification_id)]},
    )
    assert status_of(notification_id) == "failed"
    assert len(ids_of(key.get("/dead-letters"))) == 1


def test_dead_letters_are_replayed_by_ids(key: Caller) -> None:
    failed, sent = finish(accept(key), "failed"), finish(accept(key))
    foreign = finish(accept(key_of(make_organization(), "send")), "failed")
    body = {"ids": [str(failed), str(sent), str(foreign), str(uuid4())]}
    answer = key.post("/dead-letters/replay", body)
    assert (answer.status, answer.data) == (
        202,
        {"matched": 1, "changed": 1, "dry_run": False, "ids": [str(failed)]},
    )
    assert [status_of(each) for each in (failed, sent, foreign)] == ["pending", "sent", "failed"]
    assert key.post("/dead-letters/replay", body).data["matched"] == 0


@pytest.mark.parametrize(
    "condition",
    [
        {"error_code": "smtp_550"},
        {"provider": "one"},
        {"notification_type": "email"},
        {"recipient": "ada@example.org"},
        {"failed_before": "2999-01-01T00:00:00Z", "error_code": "smtp_550"},
        {"failed_after": "2020-01-01T00:00:00Z", "provider": "one"},
    ],
)
def test_dead_letters_are_chosen_by_what_they_have_in_common(
    key: Caller, condition: dict[str, Any]
) -> None:
    wanted = finish(accept(key), "failed", error_code="smtp_550", provider="one")
    other = finish(accept(key, push()), "failed", error_code="unregistered", provider="two")
    answer = key.post("/dead-letters/replay", condition)
    assert answer.data["ids"] == [str(wanted)]
    assert (status_of(wanted), status_of(other)) == ("pending", "failed")


def test_a_limit_takes_the_oldest_first(key: Caller) -> None:
    ids = [finish(accept(key), "failed", error_code="smtp_550") for _ in range(3)]
    answer = key.post("/dead-letters/replay", {"error_code": "smtp_550", "limit": 2})
    assert set(answer.data["ids"]) == {str(each) for each in ids[:2]}


def test_a_rate_makes_each_due_in_its_turn(key: Caller) -> None:
    ids = [finish(accept(key), "failed", error_code="smtp_550") for _ in range(3)]
    body = {"error_code": "smtp_550", "per_second": 0.1}
    assert key.post("/dead-letters/replay", body).data["changed"] == 3
    rows = Notification.objects.in_bulk(ids)
    first = rows[ids[0]].due_at
    waits = [round((rows[each].due_at - first).total_seconds()) for each in ids]
    assert waits == [0, 10, 20]
    last = key.get(f"/notifications/{ids[2]}/timeline").data[-1]
    assert (last["status"], last["reason"]) == ("pending", "replay")
    assert datetime.fromisoformat(last["due_at"]) == rows[ids[2]].due_at
    for wrong in (0, -1, 1e9, "fast"):
        answer = key.post("/dead-letters/replay", {**body, "per_second": wrong})
        assert (answer.status, answer.fields) == (400, ["per_second"])


def test_discarded_dead_letters_stay_failed_and_are_explained(key: Caller) -> None:
    notification_id = finish(accept(key), "failed")
    body = {"ids": [str(notification_id)], "reason": "the shop is closed"}
    answer = key.post("/dead-letters/discard", body)
    assert (answer.status, answer.data["changed"]) == (202, 1)
    assert ids_of(key.get("/dead-letters")) == []
    data = key.get(f"/notifications/{notification_id}").data
    assert (data["status"], data["reason"]) == ("failed", "discarded")
    last = key.get(f"/notifications/{notification_id}/timeline").data[-1]
    assert last["detail"] == {"explanation": "the shop is closed"}
    assert key.post("/dead-letters/discard", body).data["matched"] == 0


NO_SELECTIONS: list[dict[str, Any]] = [
    {},
    {"dry_run": True},
    {"limit": 5},
    {"ids": []},
    {"ids": ["1"]},
    {"ids": [str(uuid4())] * 1001},
    {"error_code": ""},
    {"error_code": "x" * 51},
    {"failed_after": "2026-01-01T00:00:00"},
    {"limit": 0, "provider": "one"},
    {"limit": 10_001, "provider": "one"},
    {"everything": True},
    {"dry_run": "yes", "provider": "one"},
]


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_everything_is_never_meant(key: Caller, action: str) -> None:
    notification_id = finish(accept(key), "failed")
    for body in NO_SELECTIONS:
        assert key.post(f"/dead-letters/{action}", body).status == 400, body
    assert status_of(notification_id) == "failed"


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_dead_letters_are_an_admins_to_change(organization: Organization, action: str) -> None:
    for caller in (
        key_of(organization, "send", "read"),
        person(make_user(organization=organization, role="sender")),
    ):
        assert caller.post(f"/dead-letters/{action}", {"provider": "one"}).status == 403


# --- status callback -------------------------------------------------------------------------


def report(notification_id: object, status: str = "delivered", **more: Any) -> dict[str, Any]:
    return {"notification_id": str(notification_id), "status": status} | more


@pytest.mark.parametrize(
    "path", ["/notifications/status", "/notifications/email/status", "/email/status"]
)
def test_a_report_is_stored_and_then_applied(key: Caller, reporter: Caller, path: str) -> None:
    notification_id = finish(accept(key))
    answer = reporter.post(path, report(notification_id, timestamp="2026-05-01T12:00:00Z"))
    assert (answer.status, answer.data) == (202, {"notification_id": str(notification_id)})
    assert status_of(notification_id) == "sent"
    apply_all()
    assert status_of(notification_id) == "delivered"


def test_a_report_may_name_the_request_id(key: Caller, reporter: Caller) -> None:
    for request_id in ("order-1", str(uuid4())):
        notification_id = finish(accept(key, mail(request_id=request_id)))
        answer = reporter.post("/notifications/status", report(request_id))
        assert answer.data == {"notification_id": str(notification_id)}
        apply_all()
        assert status_of(notification_id) == "delivered"


def test_a_reported_failure_is_a_dead_letter(key: Caller, reporter: Caller) -> None:
    notification_id = finish(accept(key))
    reporter.post("/notifications/status", report(notification_id, "failed", error="no device"))
    apply_all()
    data = key.get(f"/notifications/{notification_id}").data
    assert (data["status"], data["error"]) == ("failed", "no device")
    assert ids_of(key.get("/dead-letters")) == [str(notification_id)]


def test_a_repeated_report_counts_once(key: Caller, reporter: Caller) -> None:
    notification_id = finish(accept(key))
    for _ in range(3):
        body = report(notification_id, timestamp="2026-05-01T12:00:00Z")
        assert reporter.post("/notifications/status", body).status == 202
        apply_all()
    assert Receipt.objects.count() == 1
    events = NotificationEvent.objects.filter(notification_id=notification_id)
    assert [event.status for event in events].count("delivered") == 1


@pytest.mark.parametrize("path", ["/notifications/push/status", "/push/status"])
def test_a_report_about_the_other_channel_is_a_404(
    key: Caller, reporter: Caller, path: str
) -> None:
    notification_id = finish(accept(key))
    assert reporter.post(path, report(notification_id)).status == 404
    assert not Receipt.objects.exists()


def test_a_report_needs_a_key_with_the_scope_status(
    key: Caller, organization: Organization
) -> None:
    notification_id = finish(accept(key))
    admin = person(make_user(organization=organization, role="admin"))
    for caller in (key, admin):
        assert caller.post("/notifications/status", report(notification_id)).status == 403
    foreign = key_of(make_organization(), "status")
    assert foreign.post("/notifications/status", report(notification_id)).status == 404
    assert not Receipt.objects.exists()


def test_an_impossible_report_is_refused(key: Caller, reporter: Caller) -> None:
    notification_id = finish(accept(key))
    changes: list[dict[str, Any]] = [
        {"status": "opened"},
        {"status": None},
        {"notification_id": ""},
        {"notification_id": "x" * 256},
        {"notification_id": False},
        {"timestamp": "2026-05-01T12:00:00"},
        {"timestamp": 1},
        {"error": "x" * 2001},
        {"provider": "one"},
    ]
    for change in changes:
        body = report(notification_id) | change
        assert reporter.post("/notifications/status", body).status == 400, change
    assert not Receipt.objects.exists()


# --- receipts --------------------------------------------------------------------------------


def store(notification_id: UUID, *kinds: str) -> None:
    store_receipts(
        events=[
            ReportedEvent(
                notification_id=notification_id,
                source="provider",
                event_id=f"{notification_id}-{kind}",
                kind=kind,
                occurred_at=timezone.now(),
            )
            for kind in kinds
        ]
    )


@pytest.mark.parametrize("order", ORDERS)
def test_receipts_end_the_same_in_any_order(key: Caller, order: tuple[str, ...]) -> None:
    notification_id = finish(accept(key))
    for kind in order:
        store(notification_id, kind)
        apply_all()
    assert status_of(notification_id) == "bounced"
    events = key.get(f"/notifications/{notification_id}/timeline").data
    assert {event["status"] for event in events} >= set(order)


@pytest.mark.parametrize("order", ORDERS)
def test_receipts_of_one_message_end_the_same(key: Caller, order: tuple[str, ...]) -> None:
    notification_id = finish(accept(key))
    store(notification_id, *order)
    apply_all()
    assert status_of(notification_id) == "bounced"


@pytest.mark.parametrize("kind", ["pending", "failed", "opened", "clicked", "complained"])
def test_nothing_moves_a_delivered_notification_back(key: Caller, kind: str) -> None:
    notification_id = finish(accept(key))
    store(notification_id, "delivered")
    apply_all()
    store(notification_id, kind)
    apply_all()
    assert status_of(notification_id) == "delivered"


@pytest.mark.parametrize("status", ["pending", "failed", "cancelled", "expired", "skipped"])
@pytest.mark.parametrize("kind", ["delivered", "bounced"])
def test_a_receipt_moves_nothing_that_was_not_sent(key: Caller, status: str, kind: str) -> None:
    notification_id = make_in_state(key, status)
    store(notification_id, kind)
    apply_all()
    assert status_of(notification_id) == status


def test_receipts_about_nobody_are_left_out() -> None:
    store(uuid4(), "delivered")
    assert not Receipt.objects.exists()


def test_a_receipts_time_is_the_reporters(key: Caller, reporter: Caller) -> None:
    notification_id = finish(accept(key))
    moment = timezone.now() - timedelta(minutes=5)
    body = report(notification_id, timestamp=moment.isoformat())
    assert reporter.post("/notifications/status", body).status == 202
    assert Receipt.objects.get().occurred_at == moment
