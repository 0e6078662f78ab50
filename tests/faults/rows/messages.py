"""Rows 18, 23: messages that make no sense, and messages and posts that come many times."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import amqp

from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row
from tests.faults.traffic import build_mail
from tests.standins.processes import SmtpSink

TASK = {"task": "delivery.deliver_email"}
POISON: tuple[tuple[bytes, dict[str, str], str], ...] = (
    (b"this is not json", {}, "application/json"),
    (b"\x80\x04]", TASK, "application/x-python-serialize"),
    (b'{"not": "a triple"}', TASK, "application/json"),
    (b"[[], {}, {}]", {"task": "no.such.task"}, "application/json"),
    (b'[[], {"notification_ids": ["not-an-id"]}, {}]', TASK, "application/json"),
    (b"\xff\xfe", TASK, "text/plain"),
)
TOO_MUCH = 50 * 1024 * 1024
LARGEST_TRIES = 6


@fault_row("18", "poison messages", short=True, doubts=False, soak=True)
def poison_queues(field: Field) -> None:
    before = _count_kept(field)
    field.begin_traffic(field.size(300, 60), rate=20)
    bodies = [*POISON, *(((b"x" * TOO_MUCH, {}, "application/json"),) * (not field.short))]
    with field.fault(), field.channel() as channel:
        for queue in ("email.queue", "notification_status"):
            for body, headers, kind in bodies:
                publish_raw(channel, queue, body, headers=headers, content_type=kind)
                field.pause(0.05, 0.2)
    wanted = before + 2 * len(bodies)
    field.wait_until(lambda: _count_kept(field) >= wanted, limit=60)
    field.facts["kept in failed.queue's store"] = _count_kept(field) - before


def publish_raw(
    channel: Any, queue: str, body: bytes, *, headers: dict[str, str], content_type: str
) -> None:
    """Publish what a stranger could, with an id of its own."""
    message = amqp.Message(
        body,
        content_type=content_type,
        content_encoding="utf-8",
        application_headers={**headers, "id": str(uuid.uuid4())},
    )
    channel.basic_publish(message, exchange="notifications.direct", routing_key=queue)


def _count_kept(field: Field) -> int:
    rows = query(field.installation, "SELECT count(*) FROM delivery_deadmessage")
    return int(rows[0]["count"])


@fault_row("23", "the same message 10 times, the same post 50 times", short=True, doubts=False)
def double_everything(field: Field) -> None:
    with field.fault():
        ids = [_post_fifty_times(field, number) for number in range(field.size(10, 2))]
        worker = field.installation.roles["email"]
        worker.stop(limit=30)
        traffic = field.begin_traffic(field.size(50, 20), rate=100, build=build_mail)
        traffic.finish()
        _repeat_messages(field, [*ids, *traffic.accepted])
        worker.start()
    time.sleep(1)


def _post_fifty_times(field: Field, number: int) -> str:
    body = {**build_mail(number), "request_id": f"fifty-{field.chance.getrandbits(32):x}"}
    with ThreadPoolExecutor(max_workers=50) as pool:
        posted = [pool.submit(field.installation.post, "/notifications", body) for _ in range(50)]
        answers = [each.result() for each in posted]
    codes = Counter(answer.status_code for answer in answers)
    field.expect(codes == {202: 1, 200: 49}, f"fifty posts were answered with {dict(codes)}")
    ids = {answer.json()["data"]["notification_id"] for answer in answers if answer.ok}
    field.expect(len(ids) == 1, f"fifty posts made {len(ids)} notifications")
    field.more_accepted.extend(ids)
    return str(next(iter(ids)))


def _repeat_messages(field: Field, ids: Iterable[str]) -> None:
    with field.channel() as channel:
        for notification_id in ids:
            body = json.dumps([[], _build_hint(notification_id), {}]).encode()
            for _ in range(10):
                publish_raw(
                    channel, "email.queue", body, headers=TASK, content_type="application/json"
                )


def _build_hint(notification_id: str) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "notification_ids": [notification_id],
        "type": "email",
        "correlation_id": "fault-suite",
        "timestamp": "2026-01-01T00:00:00+00:00",
    }


@fault_row("18b", "a notification that takes its worker down each time", all_delivered=False)
def kill_with_one_notification(field: Field) -> None:
    """Its worker dies at every attempt: it must end with a reason, and its neighbours be sent."""
    sink, workers = field.installation.sink, field.installation.roles["email"]
    deadly = {**build_mail(666), "to": {"email": "slow9@deadly.example.org"}}
    with field.fault():
        fatal = field.accept(deadly)
        field.begin_traffic(field.size(200, 20), rate=5, build=build_mail)
        kills = 0
        while field.installation.status(fatal) != "failed" and kills < LARGEST_TRIES:
            if _count_taken(sink, fatal) > kills:
                kills += 1
                workers.kill()
                workers.start()
            time.sleep(0.2)
    field.installation.wait_for_final(fatal, limit=30)
    field.facts["workers killed"] = kills
    (last,) = field.installation.timeline(fatal)[-1:]
    field.expect(last["status"] == "failed", f"not given up after {kills} dead workers")


def _count_taken(sink: SmtpSink, notification_id: str) -> int:
    taken = sink.messages(kind="data", outcome="accepted")
    return sum(record["notification_id"] == notification_id for record in taken)
