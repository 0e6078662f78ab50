"""Reading the ledger: lists, cursors, status, timelines, counts."""

import time
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.notifications.models import Notification
from apps.notifications.services.status import CACHE_SECONDS, refresh_statuses
from notifier.models import Organization
from tests.factories import make_organization, make_user
from tests.integration.api.calling import Caller, key_of, person
from tests.integration.api.world import add_templates
from tests.integration.notifications.ledger import (
    CONTENT,
    accept,
    finish,
    mail,
    push,
    status_of,
    to_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(organization: Organization) -> Caller:
    return key_of(organization, "send", "read", "templates")


def listed(caller: Caller, **filters: Any) -> list[str]:
    query = "&".join(f"{name}={quote(str(value))}" for name, value in filters.items())
    answer = caller.get(f"/notifications?{query}")
    assert answer.status == 200, answer.body
    return [row["id"] for row in answer.data]


# --- lists -----------------------------------------------------------------------------------


def test_each_filter_narrows_the_list(key: Caller, organization: Organization) -> None:
    add_templates(organization)
    user = make_user(organization=organization)
    plain = str(finish(accept(key)))
    phone = str(accept(key, push()))
    own = str(accept(key, to_user(user.pk)))
    recipients = [{"to": {"email": "eve@example.org"}, "variables": {"name": "Eve"}}]
    bulk = {"notification_type": "email", "template_code": "welcome", "recipients": recipients}
    batch_id = key.post("/notifications/bulk", bulk).data["batch_id"]
    row = Notification.objects.get(batch_id=batch_id)
    of_batch, since = str(row.pk), row.created_at.isoformat()
    assert listed(key) == [of_batch, own, phone, plain]
    assert listed(key, status="sent") == [plain]
    assert listed(key, notification_type="push") == [phone]
    assert listed(key, user_id=user.pk) == [own]
    assert listed(key, template_code="welcome") == [of_batch]
    assert listed(key, batch_id=batch_id) == [of_batch]
    assert listed(key, recipient="ada@example.org") == [plain]
    assert listed(key, created_after=since) == [of_batch]
    assert listed(key, created_before=since) == [own, phone, plain]
    assert listed(key, status="sent", notification_type="push") == []
    assert listed(key, template_code="welcome", recipient="eve@example.org") == [of_batch]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=lost", "status"),
        ("notification_type=fax", "notification_type"),
        ("user_id=1", "user_id"),
        ("batch_id=%00", "batch_id"),
        ("template_code=%00", "template_code"),
        ("recipient=a%00b", "recipient"),
        ("created_after=yesterday", "created_after"),
        ("created_before=2026-01-01T00:00:00", "created_before"),
        ("created_after=0001-01-01T00:00:00%2B01:00", "created_after"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e2", "limit"),
        ("limit=%D9%A3", "limit"),
        ("page=0", "page"),
        ("page=99999999999999999999", "page"),
        ("page=", "page"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=4pyT", "cursor"),
    ],
)
def test_an_impossible_filter_is_named(key: Caller, query: str, field: str) -> None:
    answer = key.get(f"/notifications?{query}")
    assert (answer.status, answer.error, answer.fields) == (400, "validation_error", [field])


@pytest.mark.parametrize(
    "mark",
    [
        f"0001-01-01T00:00:00+01:00|{UUID(int=0)}",
        f"9999-12-31T23:59:59-01:00|{UUID(int=0)}",
        f"2026-01-01T00:00:00|{UUID(int=0)}",
        "2026-01-01T00:00:00Z|1",
        "\x00|\x00",
        "",
        "|",
    ],
)
def test_a_forged_cursor_is_refused(key: Caller, mark: str) -> None:
    cursor = urlsafe_b64encode(mark.encode()).decode() or "A"
    answer = key.get(f"/notifications?cursor={cursor}")
    assert (answer.status, answer.fields) == (400, ["cursor"])


def test_pages_say_where_they_stand(key: Caller) -> None:
    ids = [str(accept(key)) for _ in range(5)][::-1]
    pages = [key.get(f"/notifications?limit=2&page={number}") for number in (1, 2, 3, 4)]
    assert [[row["id"] for row in page.data] for page in pages] == [ids[:2], ids[2:4], ids[4:], []]
    assert [page.body["meta"]["has_next"] for page in pages] == [True, True, False, False]
    assert [page.body["meta"]["has_previous"] for page in pages] == [False, True, True, True]
    assert {page.body["meta"]["total"] for page in pages} == {5}
    assert {page.body["meta"]["total_pages"] for page in pages} == {3}


def test_a_cursor_walks_every_row_once_while_others_are_inserted(key: Caller) -> None:
    ids = [str(accept(key)) for _ in range(7)]
    # Several rows of one moment, as a bulk insert makes them.
    moment = Notification.objects.get(pk=ids[2]).created_at
    Notification.objects.filter(pk__in=ids[2:5]).update(created_at=moment)
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = key.get(f"/notifications?limit=2&cursor={quote(cursor)}")
        meta = answer.body["meta"]
        walked += [row["id"] for row in answer.data]
        assert meta["has_next"] is ("next_cursor" in meta)
        assert (meta["total"], meta["limit"]) == (None, 2)
        cursor = meta.get("next_cursor")
        accept(key)
    assert sorted(walked) == sorted(ids)


def test_a_first_page_hands_out_a_cursor(key: Caller) -> None:
    ids = [str(accept(key)) for _ in range(3)][::-1]
    cursor = key.get("/notifications?limit=2").body["meta"]["next_cursor"]
    assert listed(key, limit=2, cursor=cursor) == ids[2:]


def test_a_list_asks_the_database_a_fixed_number_of_times(
    key: Caller, organization: Organization
) -> None:
    add_templates(organization)
    body = {"template_code": "welcome", "variables": {"name": "Ada"}, "content": None}

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            key.get("/notifications")
        return len(queries)

    accept(key, mail(**body))
    key.get("/notifications")
    few = count()
    for _ in range(5):
        accept(key, mail(**body))
    assert count() == few


# --- isolation -------------------------------------------------------------------------------


def test_what_belongs_to_others_is_a_404(organization: Organization) -> None:
    user, other = make_user(organization=organization), make_user(organization=organization)
    notification_id = accept(key_of(organization, "send"), to_user(other.pk))
    foreign = key_of(make_organization(), "send", "read", "admin", "templates")
    for caller in (person(user), foreign):
        assert listed(caller) == []
        for part in ("", "/status", "/status", "/timeline"):
            answer = caller.get(f"/notifications/{notification_id}{part}")
            assert (answer.status, answer.error) == (404, "not_found"), part
        for part in ("cancel", "replay"):
            assert caller.post(f"/notifications/{notification_id}/{part}").status == 404
    assert status_of(notification_id) == "pending"


def test_a_member_reads_and_cancels_its_own(organization: Organization) -> None:
    user = make_user(organization=organization)
    sender, member = key_of(organization, "send"), person(user)
    accept(sender)
    notification_id = accept(sender, to_user(user.pk))
    assert listed(member) == [str(notification_id)]
    assert member.get(f"/notifications/{notification_id}").data["recipient"] == user.email
    assert member.get(f"/notifications/{notification_id}/status").data["status"] == "pending"
    assert member.post(f"/notifications/{notification_id}/cancel").status == 200


def test_a_key_without_read_reads_nothing(organization: Organization) -> None:
    sender = key_of(organization, "send")
    notification_id = accept(sender)
    one = f"/notifications/{notification_id}"
    for path in ("/notifications", one, f"{one}/status", f"{one}/timeline"):
        assert sender.get(path).status == 403, path
    for path in ("/stats", "/dead-letters", f"/batches/{uuid4()}"):
        assert sender.get(path).status == 403, path


def test_a_key_that_may_send_may_cancel(organization: Organization) -> None:
    sender = key_of(organization, "send")
    notification_id = accept(sender)
    assert sender.post(f"/notifications/{notification_id}/cancel").status == 200
    assert (
        key_of(make_organization(), "send").post(f"/notifications/{notification_id}/cancel").status
        == 404
    )


def test_a_reader_cannot_cancel_or_replay(organization: Organization) -> None:
    notification_id = accept(key_of(organization, "send"))
    reader = key_of(organization, "read")
    for part in ("cancel", "replay"):
        assert reader.post(f"/notifications/{notification_id}/{part}").status == 403
    assert status_of(notification_id) == "pending"


def test_unknown_ids_are_a_404(key: Caller) -> None:
    for path in ("", "/status", "/timeline"):
        assert key.get(f"/notifications/{uuid4()}{path}").status == 404
    assert key.get(f"/batches/{uuid4()}").status == 404
    assert key.get("/templates/none/usage").status == 404


# --- one notification ------------------------------------------------------------------------


def test_one_notification_shows_all_that_is_known(key: Caller) -> None:
    notification_id = finish(accept(key, mail(metadata={"order": 7})), provider_message_id="m-1")
    data = key.get(f"/notifications/{notification_id}").data
    assert {
        "id": str(notification_id),
        "notification_type": "email",
        "status": "sent",
        "reason": None,
        "recipient": "ada@example.org",
        "content": CONTENT,
        "metadata": {"order": 7},
        "attempts": 1,
        "in_doubt": False,
        "provider": "capture",
        "provider_message_id": "m-1",
        "mode": "live",
    }.items() <= data.items()
    assert datetime.fromisoformat(data["sent_at"]) >= datetime.fromisoformat(data["created_at"])


def test_a_timeline_tells_everything_in_order(key: Caller) -> None:
    notification_id = accept(key)
    finish(notification_id, "pending", error_code="smtp_451", error="try later", reason="retry")
    finish(notification_id)
    answer = key.get(f"/notifications/{notification_id}/timeline")
    assert [(event["status"], event["attempt"]) for event in answer.data] == [
        ("pending", 0),
        ("queued", 0),
        ("sending", 1),
        ("pending", 1),
        ("queued", 1),
        ("sending", 2),
        ("sent", 2),
    ]
    waiting = answer.data[3]
    assert (waiting["error_code"], waiting["reason"]) == ("smtp_451", "retry")
    assert waiting["due_at"] is not None
    moments = [datetime.fromisoformat(event["at"]) for event in answer.data]
    assert moments == sorted(moments)
    assert answer.body["meta"]["total"] == 7


# --- status ----------------------------------------------------------------------------------


def test_a_status_is_served_from_redis(key: Caller) -> None:
    notification_id = accept(key)
    path = f"/notifications/{notification_id}/status"
    assert key.get(path).data["status"] == "pending"
    known = cache.get(f"status:{notification_id}")
    assert (known["id"], known["status"]) == (notification_id, "pending")
    with CaptureQueriesContext(connection) as queries:
        assert key.get(path).data["notification_id"] == str(notification_id)
    assert not [one for one in queries if "notifications_notification" in one["sql"]]


def test_a_cached_status_is_at_most_two_seconds_old(key: Caller) -> None:
    notification_id = accept(key)
    path = f"/notifications/{notification_id}/status"
    assert key.get(path).data["status"] == "pending"
    finish(notification_id)  # and the message that would refresh the cache is lost
    deadline = time.monotonic() + CACHE_SECONDS + 0.3
    while key.get(path).data["status"] != "sent":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert CACHE_SECONDS <= 2


def test_a_refresh_brings_the_cache_up_to_the_row(key: Caller) -> None:
    notification_id = accept(key)
    path = f"/notifications/{notification_id}/status"
    assert key.get(path).data["status"] == "pending"
    finish(notification_id)
    refresh_statuses(ids=[notification_id])
    assert key.get(path).data["status"] == "sent"


def test_a_cached_status_is_nobody_elses(key: Caller) -> None:
    notification_id = accept(key)
    path = f"/notifications/{notification_id}/status"
    assert key.get(path).status == 200
    assert key_of(make_organization(), "read").get(path).status == 404


# --- counts ----------------------------------------------------------------------------------


def test_a_batch_tells_its_progress(key: Caller, organization: Organization) -> None:
    add_templates(organization)
    recipients = [
        {"to": {"email": f"ada{number}@example.org"}, "variables": {"name": "Ada"}}
        for number in range(4)
    ]
    bulk = {"notification_type": "email", "template_code": "welcome", "recipients": recipients}
    batch_id = key.post("/notifications/bulk", bulk).data["batch_id"]
    ids = list(Notification.objects.order_by("id").values_list("pk", flat=True))
    finish(ids[0])
    finish(ids[1], "failed")
    assert status_of(ids[2]) == "queued"
    data = key.get(f"/batches/{batch_id}").data
    assert (data["total"], data["finished"], data["progress"]) == (4, 2, 0.5)
    assert data["by_status"] == {"sent": 1, "failed": 1, "queued": 2}
    foreign = key_of(make_organization(), "read")
    assert foreign.get(f"/batches/{batch_id}").status == 404


def test_statistics_count_per_provider_and_hour(key: Caller) -> None:
    finish(accept(key))
    finish(accept(key))
    finish(accept(key), "failed")
    finish(accept(key, push()), provider="fcm")
    accept(key_of(make_organization(), "send"))
    data = key.get("/stats").data
    providers = {(one["notification_type"], one["provider"]): one for one in data["providers"]}
    assert set(providers) == {("email", "capture"), ("push", "fcm")}
    counts = providers["email", "capture"]
    assert (counts["accepted"], counts["sent"], counts["failed"]) == (3, 2, 1)
    assert counts["delivery_rate"] == pytest.approx(2 / 3)
    assert 0 < counts["p50_accept_to_sent"] <= counts["p95_accept_to_sent"]
    hours = {one["notification_type"]: one for one in data["per_hour"]}
    assert (hours["email"]["accepted"], hours["push"]["sent"]) == (3, 1)
    since = datetime.fromisoformat(data["since"])
    week = datetime.fromisoformat(key.get("/stats?hours=168").data["since"])
    assert timedelta(hours=143) < since - week < timedelta(hours=145)
    for wrong in ("0", "169", "x"):
        assert key.get(f"/stats?hours={wrong}").fields == ["hours"]


def test_a_templates_usage_is_counted_per_version_and_language(
    key: Caller, organization: Organization
) -> None:
    add_templates(organization)
    german = {"content": {"subject": "Hallo", "text": "Hallo {{ name }}"}, "language": "de"}
    key.post("/templates/welcome/versions", german)
    key.post("/templates/welcome/versions/3/publish")
    of_template = {"template_code": "welcome", "variables": {"name": "Ada"}, "content": None}
    finish(accept(key, mail(**of_template)))
    finish(accept(key, mail(**of_template)), "failed")
    finish(accept(key, mail(**of_template, language="de-AT")))
    answer = key.get("/templates/welcome/usage")
    assert [
        (one["version"], one["language"], one["sent"], one["failed"]) for one in answer.data
    ] == [(1, "en", 1, 1), (3, "de", 1, 0)]
    assert (answer.body["meta"]["total"], answer.body["meta"]["limit"]) == (2, 2)
