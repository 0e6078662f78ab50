"""The promise while the broker is away and while workers die: nothing lost, nothing doubled."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import amqp
import pytest
import requests

from deploy.local.servers import RabbitMQ
from tests.e2e.installation import Installation
from tests.standins.processes import read_mail

BROKER_AWAY_SECONDS = 60
SLOWEST_ACCEPT_SECONDS = 0.5
KILLS = 6
SENDS = 500
PUSHES, PUSH_KILLS = 400, 2
AT_ONCE = 100  # PUSH_AT_ONCE, of each of the worker's two processes


def mail(number: int, topic: str) -> dict[str, Any]:
    return {
        "notification_type": "email",
        "to": {"email": f"{topic}{number}@example.org"},
        "content": {"subject": f"{topic} {number}", "text": "Hello"},
    }


def received(installation: Installation) -> Counter[str]:
    """Return how often each recipient's mail was accepted by the sink."""
    records = installation.sink.messages(kind="data", outcome="accepted")
    return Counter(str(read_mail(record)["To"]) for record in records)


def test_a_minute_without_the_broker_delays_and_loses_nothing(
    installation: Installation, rabbitmq: RabbitMQ
) -> None:
    accepted: list[str] = []
    slowest = 0.0
    # A quorum queue that is killed in its first second comes back empty and without a leader.
    time.sleep(5)
    rabbitmq.kill()
    try:
        away_until = time.monotonic() + BROKER_AWAY_SECONDS
        with requests.Session() as session:
            while time.monotonic() < away_until:
                begun_at = time.monotonic()
                accepted.append(installation.accept(mail(len(accepted), "away"), session=session))
                slowest = max(slowest, time.monotonic() - begun_at)
                time.sleep(0.2)
    finally:
        rabbitmq.start()
    assert slowest < SLOWEST_ACCEPT_SECONDS
    installation.wait_until(lambda: installation.count_unfinished() == 0, limit=60)
    assert received(installation) == {f"away{n}@example.org": 1 for n in range(len(accepted))}


def test_killed_workers_lose_nothing_and_double_only_what_is_in_doubt(
    installation: Installation,
) -> None:
    installation.sink.behave(latency_ms=20)
    with requests.Session() as session, ThreadPoolExecutor(max_workers=4) as pool:
        posted = [
            pool.submit(installation.accept, mail(n, "killed"), session=session)
            for n in range(SENDS)
        ]
        for _ in range(KILLS):
            wait_for_mails(installation)
            worker = installation.roles["email"]
            worker.kill()
            worker.start()
        ids = [each.result() for each in posted]
    installation.wait_until(lambda: installation.count_unfinished() == 0, limit=120)

    counts = received(installation)
    assert counts.keys() == {f"killed{n}@example.org" for n in range(SENDS)}
    doubled = {address for address, count in counts.items() if count > 1}
    doubtful = set()
    for number, notification_id in enumerate(ids):
        notification = installation.get(f"/notifications/{notification_id}")
        assert notification["status"] == "sent"
        if notification["in_doubt"]:
            doubtful.add(f"killed{number}@example.org")
    assert doubled <= doubtful
    assert doubtful, "no worker died while it was sending: the test proved nothing"


def wait_for_mails(installation: Installation) -> None:
    """Return when the sink has more of them than now: then a worker is in the middle of it."""
    known = received(installation).total()
    installation.wait_until(lambda: received(installation).total() > known, limit=60)


def test_a_push_worker_that_dies_within_a_chunk_doubles_only_what_is_in_doubt(
    installation: Installation,
) -> None:
    installation.fcm.behave(latency_ms=400)
    batch = accept_pushes(installation)
    for _ in range(PUSH_KILLS):
        wait_for_pushes(installation)
        installation.roles["push"].kill()
        installation.roles["push"].start()
    installation.fcm.behave(latency_ms=0)
    installation.wait_until(lambda: installation.count_unfinished() == 0, limit=120)

    calls = pushed(installation)
    assert len(calls) == PUSHES
    assert installation.get(f"/batches/{batch}")["by_status"] == {"sent": PUSHES}
    doubtful = {each for each in calls if installation.get(f"/notifications/{each}")["in_doubt"]}
    assert {each for each, count in calls.items() if count > 1} <= doubtful
    assert 0 < len(doubtful) <= PUSH_KILLS * 2 * AT_ONCE


def accept_pushes(installation: Installation) -> str:
    """Return the id of a batch of so many pushes, each to a device of its own."""
    content = {"title": "On its way", "body": "Hello"}
    template = {"code": "killed", "channel": "push", "name": "Killed", "content": content}
    assert installation.post("/templates", template).ok
    devices = [{"push_token": f"killed-{n:04}", "platform": "android"} for n in range(PUSHES)]
    recipients = [{"to": device} for device in devices]
    order = {"notification_type": "push", "template_code": "killed", "recipients": recipients}
    answer = installation.post("/notifications/bulk", order)
    assert answer.status_code == requests.codes.accepted, answer.text
    return str(answer.json()["data"]["batch_id"])


def wait_for_pushes(installation: Installation) -> None:
    """Return when FCM has more of them than now: then a chunk is under way."""
    known = pushed(installation).total()
    installation.wait_until(lambda: pushed(installation).total() > known, limit=60)


def pushed(installation: Installation) -> Counter[str]:
    """Return how often each notification was handed to FCM."""
    sends = installation.fcm.messages(kind="send")
    return Counter(send["content"]["message"]["data"]["notification_id"] for send in sends)


@pytest.mark.parametrize(
    ("body", "headers", "content_type"),
    [
        (b"this is not json", {}, "application/json"),
        (b"\x80\x04]", {"task": "delivery.deliver_email", "id": "1"}, "application/x-python"),
        (
            b'{"not": "a triple"}',
            {"task": "delivery.deliver_email", "id": "2"},
            "application/json",
        ),
        (b"[[], {}, {}]", {"task": "no.such.task", "id": "3"}, "application/json"),
        (
            b'[[], {"notification_ids": ["not-an-id"]}, {}]',
            {"task": "delivery.deliver_email", "id": "4"},
            "application/json",
        ),
    ],
    ids=["not-json", "pickle", "wrong-shape", "unknown-task", "bad-arguments"],
)
def test_a_message_that_makes_no_sense_is_kept_and_stops_nobody(
    installation: Installation, body: bytes, headers: dict[str, str], content_type: str
) -> None:
    before = len(installation.manage("dead_letters", "messages").splitlines())
    with amqp.Connection(f"127.0.0.1:{installation.rabbitmq.port}") as connection:
        message = amqp.Message(
            body,
            content_type=content_type,
            content_encoding="utf-8",
            application_headers=headers,
        )
        connection.channel().basic_publish(
            message, exchange="notifications.direct", routing_key="email.queue"
        )
    installation.wait_until(
        lambda: len(installation.manage("dead_letters", "messages").splitlines()) > before,
        limit=20,
    )
    after = installation.accept(mail(1, "after"))
    assert installation.wait_for_final(after, limit=15) == "sent"
