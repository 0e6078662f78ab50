"""The main job on the server profile: POST → RabbitMQ → worker → provider → story."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
import requests

from tests.e2e.installation import Installation
from tests.standins.processes import read_mail

WELCOME = {
    "code": "welcome",
    "channel": "email",
    "name": "Welcome",
    "language": "en",
    "content": {
        "subject": "Welcome, {{ name }}",
        "html": "<p>Hello {{ name }}, <a href='{{ link }}'>begin here</a>.</p>",
    },
}
SHIPPED = {
    "code": "shipped",
    "channel": "push",
    "name": "Shipped",
    "language": "en",
    "content": {
        "title": "On its way",
        "body": "Order {{ order }} has left",
        "link": "https://example.org/orders/{{ order }}",
        "data": {"order": "{{ order }}"},
    },
}
ATTEMPTS_UNTIL_GIVEN_UP = 4


@pytest.fixture(scope="module", autouse=True)
def _templates(installation: Installation) -> None:
    for template in (WELCOME, SHIPPED):
        assert installation.post("/templates", template).status_code == requests.codes.created


def email(number: int, **more: Any) -> dict[str, Any]:
    return {
        "notification_type": "email",
        "to": {"email": f"reader{number}@example.org"},
        "template_code": "welcome",
        "variables": {"name": f"Reader {number}", "link": "https://example.org/x"},
        **more,
    }


def push(number: int, platform: str = "android", **more: Any) -> dict[str, Any]:
    return {
        "notification_type": "push",
        "to": {"push_token": f"device-token-{number}", "platform": platform},
        "template_code": "shipped",
        "variables": {"order": str(number)},
        **more,
    }


def test_a_thousand_mixed_notifications_each_arrive_exactly_once(
    installation: Installation,
) -> None:
    platforms = ("android", "ios", "web")
    bodies = [email(n) if n % 2 else push(n, platforms[n % 3]) for n in range(1000)]
    with requests.Session() as session, ThreadPoolExecutor(max_workers=8) as pool:
        ids = list(pool.map(lambda body: installation.accept(body, session=session), bodies))
    assert len(set(ids)) == len(bodies)
    installation.wait_until(lambda: installation.count_unfinished() == 0, limit=60)

    mails = Counter(
        str(read_mail(m)["To"]) for m in installation.sink.messages(outcome="accepted")
    )
    assert mails == {f"reader{n}@example.org": 1 for n in range(1, 1000, 2)}
    pushes = Counter(
        m["content"]["message"]["token"] for m in installation.fcm.messages(kind="send")
    )
    assert pushes == {f"device-token-{n}": 1 for n in range(0, 1000, 2)}
    sent = installation.request("GET", "/notifications?status=sent&limit=1").json()
    assert sent["meta"]["total"] == len(bodies)


def test_the_mail_and_its_story_say_what_was_asked_for(installation: Installation) -> None:
    answer = installation.post(
        "/notifications",
        email(1, request_id="one-mail"),
        headers={"X-Correlation-ID": "trace-me-1"},
    )
    data = answer.json()["data"]
    assert installation.wait_for_final(data["notification_id"]) == "sent"
    (record,) = installation.sink.wait_for_messages(1, limit=5)
    mail = read_mail(record)
    assert mail["Subject"] == "Welcome, Reader 1"
    assert mail["X-Notification-ID"] == data["notification_id"]
    assert data["notification_id"] in mail["Message-ID"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Correlation-ID"] == "trace-me-1"
    assert mail.get_body(("plain",)) is not None
    assert "Hello Reader 1" in str(mail.get_body(("html",)))
    story = installation.timeline(data["notification_id"])
    assert [event["status"] for event in story] == ["pending", "queued", "sending", "sent"]
    assert story[-1]["provider"] == "smtp-127.0.0.1"


@pytest.mark.parametrize(
    ("platform", "block"), [("android", "android"), ("ios", "apns"), ("web", "webpush")]
)
def test_a_push_carries_the_payload_of_its_platform(
    installation: Installation, platform: str, block: str
) -> None:
    sent = installation.accept(push(7, platform))
    assert installation.wait_for_final(sent) == "sent"
    (record,) = installation.fcm.wait_for_messages(1, limit=5, kind="send")
    message = record["content"]["message"]
    assert message["notification"]["body"] == "Order 7 has left"
    assert message["data"] == {"order": "7", "notification_id": sent} | message["data"]
    assert {"android", "apns", "webpush"} & message.keys() == {block}


def test_fifty_identical_concurrent_posts_make_one_notification(
    installation: Installation,
) -> None:
    body = email(50, request_id="fifty-at-once")
    with ThreadPoolExecutor(max_workers=50) as pool:
        answers = list(pool.map(lambda _: installation.post("/notifications", body), range(50)))
    codes = Counter(answer.status_code for answer in answers)
    assert codes == {202: 1, 200: 49}
    assert len({answer.json()["data"]["notification_id"] for answer in answers}) == 1
    replays = [answer for answer in answers if answer.status_code == requests.codes.ok]
    assert all(answer.headers["Idempotent-Replayed"] == "true" for answer in replays)
    assert len(installation.sink.wait_for_messages(1, limit=10)) == 1


def test_the_same_request_id_with_another_body_is_refused(installation: Installation) -> None:
    installation.accept(email(51, request_id="taken"))
    other = installation.post("/notifications", email(52, request_id="taken"))
    assert other.status_code == requests.codes.unprocessable
    assert other.json()["error"] == "idempotency_mismatch"


def test_a_provider_that_fails_twice_is_tried_a_third_time(installation: Installation) -> None:
    installation.fcm.behave(fail_next=2, code=503, target="send")
    sent = installation.accept(push(80))
    assert installation.wait_for_final(sent, limit=40) == "sent"
    story = installation.timeline(sent)
    begun = [_at(event) for event in story if event["status"] == "sending"]
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(begun)]
    assert [event["error_code"] for event in story if event["error_code"]] == ["http_503"] * 2
    assert len(waits) == 2
    assert 1.5 < waits[0] < 4
    assert 3.1 < waits[1] < 7


def test_a_provider_that_fails_for_ever_leaves_a_dead_letter_that_can_be_replayed(
    installation: Installation,
) -> None:
    installation.sink.behave(fail_always=True, code=451, target="data")
    given_up = installation.accept(email(90))
    assert installation.wait_for_final(given_up, limit=60) == "failed"
    story = installation.timeline(given_up)
    assert sum(event["status"] == "sending" for event in story) == ATTEMPTS_UNTIL_GIVEN_UP
    assert (story[-1]["reason"], story[-1]["error_code"]) == ("retries_exhausted", "smtp_451")
    assert given_up in {row["id"] for row in installation.get("/dead-letters")}

    installation.sink.behave()
    installation.manage("replay_failed", "--error-code", "smtp_451")
    installation.wait_until(lambda: installation.status(given_up) == "sent", limit=20)
    assert [event["reason"] for event in installation.timeline(given_up)].count("replay") == 1


def test_a_refused_recipient_fails_at_once(installation: Installation) -> None:
    body = {**email(1), "to": {"email": "bounce550@example.org"}}
    refused = installation.accept(body)
    assert installation.wait_for_final(refused, limit=10) == "failed"
    last = installation.timeline(refused)[-1]
    assert (last["reason"], last["error_code"], last["attempt"]) == (
        "permanent_error",
        "smtp_550",
        1,
    )


def test_an_unregistered_device_is_removed_and_the_push_fails_at_once(
    installation: Installation,
) -> None:
    created = installation.post(
        "/users",
        {
            "name": "Ada",
            "email": "ada@example.org",
            "push_token": "UNREGISTERED:ada-phone",
            "preferences": {"email": True, "push": True},
        },
    )
    user = created.json()["data"]
    body = {key: value for key, value in push(1).items() if key != "to"} | {"user_id": user["id"]}
    failed = installation.accept(body)
    assert installation.wait_for_final(failed, limit=10) == "failed"
    assert installation.timeline(failed)[-1]["error_code"] == "fcm_unregistered"
    assert installation.get(f"/users/{user['id']}/devices") == []


def _at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])
