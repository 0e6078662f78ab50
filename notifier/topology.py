"""The broker's names: exchange, queues, routing keys, tasks, and the arguments of each queue.

Spec section 4. Who publishes and who consumes are different processes, so both take the names
from here; a test holds them against the registered tasks.
"""

from typing import Any, Final, Literal

from kombu import Exchange, Queue

EXCHANGE: Final = "notifications.direct"
EMAIL_QUEUE: Final = "email.queue"
PUSH_QUEUE: Final = "push.queue"
FAILED_QUEUE: Final = "failed.queue"
STATUS_QUEUE: Final = "notification_status"

DELIVER_EMAIL: Final = "delivery.deliver_email"
DELIVER_PUSH: Final = "delivery.deliver_push"
ROUTE_DEAD_LETTERS: Final = "delivery.route_dead_letters"
APPLY_RECEIPTS: Final = "notifications.apply_receipts"
REFRESH_STATUS: Final = "notifications.refresh_status"
COUNT_HOURS: Final = "notifications.count_hours"
PURGE: Final = "delivery.purge"
STORY: Final = "notifier.dead_letter"  # the name that a given-up notification's story carries

QUEUE_OF_TASK: Final = {
    DELIVER_EMAIL: EMAIL_QUEUE,
    DELIVER_PUSH: PUSH_QUEUE,
    ROUTE_DEAD_LETTERS: STATUS_QUEUE,
    APPLY_RECEIPTS: STATUS_QUEUE,
    REFRESH_STATUS: STATUS_QUEUE,
    COUNT_HOURS: STATUS_QUEUE,
    PURGE: STATUS_QUEUE,
}
DELIVERY_TASK: Final = {"email": DELIVER_EMAIL, "push": DELIVER_PUSH}

SCHEMA_VERSION: Final = 1
MAX_IDS_PER_MESSAGE: Final = 100
# A quorum queue delivers limit + 1 times before it dead-letters: six tries (spec section 4).
DELIVERY_LIMIT: Final = 5
DAY_MS: Final = 24 * 3600 * 1000

QueueType = Literal["quorum", "classic"]


def declare_exchange() -> Exchange:
    return Exchange(EXCHANGE, type="direct", durable=True)


def work_queues(queue_type: QueueType) -> list[Queue]:
    """Return the queues that workers consume.

    `failed.queue` is not one: a worker without -Q consumes all of these, and must never run a
    dead letter again.
    """
    return [
        _bounded(EMAIL_QUEUE, queue_type, ttl_ms=DAY_MS, max_length=10_000),
        _bounded(PUSH_QUEUE, queue_type, ttl_ms=DAY_MS, max_length=10_000),
        _bounded(STATUS_QUEUE, queue_type, ttl_ms=7 * DAY_MS, max_length=50_000),
    ]


def failed_queue(queue_type: QueueType) -> Queue:
    return _queue(FAILED_QUEUE, {"x-queue-type": queue_type})


def _bounded(name: str, queue_type: QueueType, *, ttl_ms: int, max_length: int) -> Queue:
    arguments: dict[str, Any] = {
        "x-queue-type": queue_type,
        "x-message-ttl": ttl_ms,
        "x-max-length": max_length,
        "x-overflow": "reject-publish",  # a full queue refuses: the publisher knows, nothing drops
        "x-dead-letter-exchange": EXCHANGE,
        "x-dead-letter-routing-key": FAILED_QUEUE,
    }
    if queue_type == "quorum":
        arguments["x-delivery-limit"] = DELIVERY_LIMIT
        arguments["x-dead-letter-strategy"] = "at-least-once"  # needs reject-publish
    return _queue(name, arguments)


def _queue(name: str, arguments: dict[str, Any]) -> Queue:
    return Queue(
        name, declare_exchange(), routing_key=name, durable=True, queue_arguments=arguments
    )
