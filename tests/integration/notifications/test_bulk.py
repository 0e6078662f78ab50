"""POST /notifications/bulk: one message for many, where a bad row fails no other."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.notifications.models import Batch, Notification
from notifier.models import Organization
from tests.factories import make_user
from tests.integration.api.calling import Answer, Caller, key_of
from tests.integration.api.world import add_templates
from tests.integration.notifications.ledger import accept

pytestmark = pytest.mark.django_db


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    address = {"email": f"ada{number}@example.org"}
    return {"to": address, "variables": {"name": "Ada"}} | changes


def bulk(*rows: Any, **changes: Any) -> dict[str, Any]:
    return {
        "notification_type": "email",
        "template_code": "welcome",
        "recipients": list(rows),
    } | changes


@pytest.fixture
def sender(organization: Organization) -> Caller:
    add_templates(organization)
    return key_of(organization, "send", "read")


def test_a_bulk_request_makes_one_notification_per_recipient(
    sender: Caller, organization: Organization
) -> None:
    silent = make_user(organization=organization, email_enabled=False)
    rows = [row(0), row(1, request_id="r-1"), {"user_id": str(silent.pk), **row()}]
    del rows[2]["to"]
    answer = sender.post("/notifications/bulk", bulk(*rows, priority=1))
    assert answer.status == 202
    assert answer.data == {
        "batch_id": str(Batch.objects.get().pk),
        "accepted": 2,
        "replayed": 0,
        "skipped": 1,
        "rejected": [],
    }
    stored = Notification.objects.filter(batch_id=answer.data["batch_id"])
    assert Counter(one.status for one in stored) == {"pending": 2, "skipped": 1}
    assert {one.priority for one in stored} == {1}


def test_bad_rows_are_told_by_index_and_fail_no_other(
    sender: Caller, organization: Organization
) -> None:
    rows: list[Any] = [
        row(0),
        row(1, to={"email": "no address"}),
        row(2, to=None, user_id=str(uuid4())),
        row(3, variables={}),
        row(4, user_id=str(make_user(organization=organization).pk)),
        row(5, user_id="not-a-uuid"),
        row(6, colour="red"),
        row(7, variables=[]),
        "not an object",
        row(9),
    ]
    answer = sender.post("/notifications/bulk", bulk(*rows))
    assert (answer.status, answer.data["accepted"]) == (202, 2)
    rejected = {each["index"]: each["error"] for each in answer.data["rejected"]}
    assert rejected == {
        1: "validation_error",
        2: "not_found",
        3: "unprocessable",
        4: "validation_error",
        5: "validation_error",
        6: "validation_error",
        7: "validation_error",
        8: "validation_error",
    }
    messages = {each["index"]: each["message"] for each in answer.data["rejected"]}
    assert "name" in messages[3]
    assert "user_id" in messages[5]
    assert "colour" in messages[6]
    assert Notification.objects.count() == 2


def test_a_row_repeats_by_its_own_request_id(sender: Caller) -> None:
    single = {
        "notification_type": "email",
        "template_code": "welcome",
        "to": {"email": "ada1@example.org"},
        "variables": {"name": "Ada"},
        "request_id": "r-1",
    }
    accept(sender, single)
    rows = [row(1, request_id="r-1"), row(2, request_id="r-1"), row(3, request_id="r-3")]
    answer = sender.post("/notifications/bulk", bulk(*rows))
    assert (answer.data["accepted"], answer.data["replayed"]) == (1, 1)
    assert [(one["index"], one["error"]) for one in answer.data["rejected"]] == [
        (1, "idempotency_mismatch")
    ]
    again = sender.post("/notifications/bulk", bulk(*rows))
    assert (again.data["accepted"], again.data["replayed"]) == (0, 2)
    assert Notification.objects.count() == 2


def test_the_same_request_id_twice_in_one_request_counts_once(sender: Caller) -> None:
    rows = [row(1, request_id="r"), row(1, request_id="r"), row(2, request_id="r")]
    answer = sender.post("/notifications/bulk", bulk(*rows))
    assert (answer.data["accepted"], answer.data["replayed"]) == (1, 1)
    assert [one["index"] for one in answer.data["rejected"]] == [2]
    assert Notification.objects.count() == 1


def test_a_whole_batch_repeats_by_its_request_id(sender: Caller) -> None:
    body = bulk(row(1), row(2, to={"email": "no address"}), request_id="news-7")
    first = sender.post("/notifications/bulk", body)
    again = sender.post("/notifications/bulk", body)
    assert (again.status, again.data) == (200, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    by_header = sender.post("/notifications/bulk", body, Idempotency_Key="news-7")
    assert (by_header.status, by_header.data) == (200, first.data)
    other = sender.post("/notifications/bulk", bulk(row(3), request_id="news-7"))
    assert (other.status, other.error) == (422, "idempotency_mismatch")
    assert Notification.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_identical_concurrent_batches_create_their_notifications_once(
    organization: Organization,
) -> None:
    add_templates(organization)
    sender = key_of(organization, "send")
    body = bulk(*(row(number) for number in range(20)), request_id="news-7")

    def post(_: int) -> Answer:
        try:
            return sender.post("/notifications/bulk", body)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(12)))
    assert Counter(answer.status for answer in answers) == {202: 1, 200: 11}
    assert all(answer.data == answers[0].data for answer in answers)
    assert Notification.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_concurrent_batches_with_the_same_rows_in_another_order_do_not_meet_in_a_deadlock(
    organization: Organization,
) -> None:
    add_templates(organization)
    sender = key_of(organization, "send")
    rows = [row(number, request_id=f"r-{number}") for number in range(200)]

    def post(number: int) -> int:
        try:
            body = bulk(*(rows if number % 2 else rows[::-1]))
            return sender.post("/notifications/bulk", body).status
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(post, range(12))) == {202}
    assert Notification.objects.count() == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": None}, "recipients"),
        ({"recipients": [{}] * 10_001}, "recipients"),
        ({"notification_type": "fax"}, "notification_type"),
        ({"template_code": "Welcome"}, "template_code"),
        ({"content": {}}, "content"),
        ({"priority": 11}, "priority"),
    ],
)
def test_a_bad_request_is_refused_as_a_whole(
    sender: Caller, change: dict[str, Any], field: str
) -> None:
    answer = sender.post("/notifications/bulk", bulk(row()) | change)
    assert (answer.status, answer.fields) == (400, [field])
    assert not Batch.objects.exists()


def test_an_unknown_template_or_one_of_the_other_channel_is_refused_as_a_whole(
    sender: Caller,
) -> None:
    assert sender.post("/notifications/bulk", bulk(row(), template_code="none")).status == 404
    assert sender.post("/notifications/bulk", bulk(row(), template_code="ping")).status == 422
    assert not Batch.objects.exists()


def test_rows_without_a_published_version_are_rejected_one_by_one(
    sender: Caller, organization: Organization
) -> None:
    draft = {"code": "draft", "channel": "email", "content": {"subject": "a", "text": "b"}}
    key_of(organization, "templates").post("/templates", draft | {"publish": False})
    with CaptureQueriesContext(connection) as queries:
        rows = (row(number) for number in range(50))
        answer = sender.post("/notifications/bulk", bulk(*rows, template_code="draft"))
    assert (answer.status, answer.data["accepted"]) == (202, 0)
    assert {each["error"] for each in answer.data["rejected"]} == {"not_found"}
    assert len(answer.data["rejected"]) == 50
    assert len(queries) < 20


def test_many_languages_cost_no_queries_of_their_own(sender: Caller) -> None:
    rows = [row(n, language=f"en-{n:05d}" if n % 2 else f"pt-{n:05d}") for n in range(300)]
    with CaptureQueriesContext(connection) as queries:
        answer = sender.post("/notifications/bulk", bulk(*rows))
    assert answer.data["accepted"] == 300
    assert set(Notification.objects.values_list("language", flat=True)) == {"en"}
    assert len(queries) < 20


def test_a_body_may_have_16_mib_and_no_more(sender: Caller) -> None:
    def of_size(size: int) -> bytes:
        head = (
            b'{"notification_type": "email", "template_code": "welcome",'
            b' "recipients": [{"to": {"email": "ada@example.org"}, "variables": {"name": "Ada"}}]'
        )
        return head + b" " * (size - len(head) - 1) + b"}"

    limit = 16 * 1024 * 1024
    assert sender.post("/notifications/bulk", of_size(limit)).status == 202
    answer = sender.post("/notifications/bulk", of_size(limit + 1))
    assert (answer.status, answer.error) == (413, "payload_too_large")
    assert Batch.objects.count() == 1


def test_ten_thousand_recipients_are_accepted_at_once(sender: Caller) -> None:
    rows = [row(number, request_id=f"r-{number}") for number in range(10_000)]
    answer = sender.post("/notifications/bulk", bulk(*rows))
    assert (answer.status, answer.data["accepted"]) == (202, 10_000)
    batch = sender.get(f"/batches/{answer.data['batch_id']}")
    assert batch.data["by_status"] == {"pending": 10_000}
    assert batch.data["progress"] == 0
