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
KILLS = 10
SENDS = 500


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


def test_ten_killed_workers_lose_nothing_and_double_only_what_is_in_doubt(
    installation: Installation,
) -> None:
    installation.sink.behave(latency_ms=20)
    with requests.Session() as session, ThreadPoolExecutor(max_workers=4) as pool:
        posted = [
            pool.submit(installation.accept, mail(n, "killed"), session=session)
            for n in range(SENDS)
        ]
        for _ in range(KILLS):
            time.sleep(0.8)
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
