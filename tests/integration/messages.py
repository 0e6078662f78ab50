"""What waits in the broker's queues."""

import json
from typing import Any

from celery import current_app


def waiting_messages(queue: str) -> list[dict[str, Any]]:
    """Take every message out of a queue and return the tasks' arguments."""
    found = []
    with current_app.connection_for_read() as amqp:
        channel: Any = amqp.default_channel
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            body = message.body if isinstance(message.body, str) else bytes(message.body).decode()
            found.append(json.loads(body)[1])
    return found
