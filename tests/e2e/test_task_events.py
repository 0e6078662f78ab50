"""What Flower is told of tasks, by the workers of a running installation."""

import time
from typing import Any

from celery import Celery

from notifier.topology import DELIVER_EMAIL
from tests.e2e.installation import Installation

LIMIT = 15.0


def post(installation: Installation) -> None:
    order = {
        "notification_type": "email",
        "to": {"email": "flower@example.org"},
        "content": {"subject": "Hello", "text": "Ada"},
    }
    assert installation.post("/notifications", order).ok


def test_flower_hears_how_each_delivery_began_and_ended(installation: Installation) -> None:
    heard: dict[str, list[str]] = {}
    deadline = time.monotonic() + LIMIT
    listener = Celery(broker=installation.rabbitmq.url, set_as_current=False)

    def note(event: dict[str, Any]) -> None:
        if time.monotonic() > deadline:  # workers' heartbeats go on
            receiver.should_stop = True
        if not event["type"].startswith("task-"):
            return
        if event.get("name") == DELIVER_EMAIL or event["uuid"] in heard:
            heard.setdefault(event["uuid"], []).append(event["type"])
        if any("task-succeeded" in types for types in heard.values()):
            receiver.should_stop = True

    with listener.connection_for_read() as connection:
        receiver = listener.events.Receiver(connection, handlers={"*": note})
        receiver.on_consume_ready = lambda *_args, **_options: post(installation)
        receiver.capture(limit=None, timeout=LIMIT, wakeup=False)
    assert list(heard.values()) == [["task-received", "task-started", "task-succeeded"]]
