"""The relay against a real broker: what is due is published, what is not confirmed comes back."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from amqp.exceptions import AMQPError
from celery import current_app
from django.db import connection
from django.utils import timezone

from apps.notifications.models import Notification, Receipt, Status
from apps.notifications.models.transitions import DueNotification, insert_accepted
from apps.notifications.relay import Relay, chunk, sweep
from deploy.local.servers import RabbitMQ
from notifier.broker import BrokerUnavailable, QueueStates, publish_ids
from notifier.identifiers import new_id
from notifier.topology import DELIVER_PUSH
from notifier.wakeup import open_alarm, wake_relay
from tests.factories import make_organization
from tests.integration.messages import waiting_messages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organization_id() -> UUID:
    return UUID(str(make_organization().pk))


@pytest.fixture
def relay() -> Iterator[Relay]:
    with_alarm = Relay()
    yield with_alarm
    stop = threading.Event()
    stop.set()
    with_alarm.run(stop)  # closes what it holds


def store(organization_id: UUID, **more: Any) -> UUID:
    row = {
        "id": new_id(),
        "organization_id": organization_id,
        "channel": "email",
        "mode": "live",
        "priority": 5,
        "correlation_id": "c-1",
        "request_id": None,
        "request_digest": "",
        "recipient": "ada@example.org",
        "recipient_index": "",
        "platform": "",
        "template_code": "",
        "language": "",
        "content": {"subject": "s", "text": "t"},
        "variables": {},
        "metadata": {},
        "delivery_guarantee": "at_least_once",
        "status": "pending",
        "reason": "",
        **more,
    }
    (stored,) = insert_accepted([row])
    return stored


def test_a_due_notification_is_published_with_ids_and_no_personal_data(
    broker: RabbitMQ, relay: Relay, organization_id: UUID
) -> None:
    stored = store(organization_id)
    assert relay.publish_due() == 1
    (message,) = waiting_messages("email.queue")
    assert message.keys() == {
        "schema_version",
        "notification_ids",
        "type",
        "correlation_id",
        "timestamp",
    }
    assert message["notification_ids"] == [str(stored)]
    assert (message["type"], message["correlation_id"]) == ("email", "c-1")
    assert Notification.objects.get(pk=stored).status == Status.QUEUED
    assert relay.publish_due() == 0


def test_what_is_scheduled_for_later_waits_in_the_database(
    broker: RabbitMQ, relay: Relay, organization_id: UUID
) -> None:
    store(organization_id, due_at=timezone.now() + timedelta(hours=1))
    assert relay.publish_due() == 0


def test_urgent_notifications_go_first_and_many_share_a_message(
    broker: RabbitMQ, relay: Relay, organization_id: UUID
) -> None:
    for _ in range(12):
        store(organization_id, priority=1)
    urgent = store(organization_id, priority=10)
    assert relay.publish_due() == 13
    messages = waiting_messages("email.queue")
    assert messages[0]["notification_ids"][0] == str(urgent)
    assert [len(message["notification_ids"]) for message in messages] == [4, 4, 4, 1]


def test_a_full_window_keeps_the_backlog_in_the_database(
    broker: RabbitMQ, relay: Relay, organization_id: UUID
) -> None:
    with current_app.connection_for_write() as amqp:
        channel: Any = amqp.default_channel
        producer = amqp.Producer(channel)
        for _ in range(4):
            producer.publish(
                {}, exchange="notifications.direct", routing_key="email.queue", mandatory=True
            )
    wait_for_depth("email.queue", 4)
    stored = store(organization_id)
    assert relay.publish_due() == 0
    assert Notification.objects.get(pk=stored).status == Status.PENDING


def test_a_remembered_state_of_a_queue_counts_what_was_published_since(broker: RabbitMQ) -> None:
    queues = QueueStates()
    before = queues.of("push.queue").waiting
    publish_ids(DELIVER_PUSH, [new_id()], kind="push")
    queues.note_published("push.queue")
    assert queues.of("push.queue", max_age=60).waiting == before + 1
    wait_for_depth("push.queue", before + 1)
    assert queues.of("push.queue").waiting == before + 1
    queues.close()


def test_a_receipt_is_hinted_at_within_a_second_while_accepts_ring_all_the_time(
    broker: RabbitMQ, organization_id: UUID
) -> None:
    stop = threading.Event()
    relay = threading.Thread(target=run_relay, args=[stop])
    relay.start()
    try:
        wait_until_listening()
        begun_at = time.monotonic()
        receipt = Receipt.objects.create(
            notification_id=store(organization_id), source="test", event_id="1", kind="delivered"
        )
        found: list[dict[str, Any]] = []
        while not found and time.monotonic() - begun_at < 1:
            wake_relay()
            found = waiting_messages("notification_status")
    finally:
        stop.set()
        relay.join(5)
    assert found == [{"receipt_ids": [receipt.pk]}]


def test_the_relay_goes_on_by_itself_over_a_new_connection_to_the_database(
    broker: RabbitMQ, organization_id: UUID
) -> None:
    stop = threading.Event()
    relay = threading.Thread(target=run_relay, args=[stop])
    relay.start()
    try:
        wait_until_listening()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        store(organization_id)
        wait_for_depth("email.queue", 1)
    finally:
        stop.set()
        relay.join(5)


def run_relay(stop: threading.Event) -> None:
    Relay().run(stop)
    connection.close()


def wait_until_listening() -> None:
    deadline = time.monotonic() + 10
    listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(listens)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("the relay never listened")


def test_without_the_broker_nothing_is_taken_and_the_error_is_quick(
    broker: RabbitMQ, relay: Relay, organization_id: UUID
) -> None:
    stored = store(organization_id)
    broker.stop()  # in order: a node killed within seconds of a quorum queue's birth loses it
    try:
        begun_at = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            relay.publish_due()
        assert time.monotonic() - begun_at < 3
        assert Notification.objects.get(pk=stored).status == Status.PENDING
    finally:
        broker.start()
    wait_for_depth("email.queue", 0)
    assert relay.publish_due() == 1


def test_a_broker_that_hangs_is_given_up_in_bounded_time_and_the_rows_come_back(
    broker: RabbitMQ, relay: Relay, organization_id: UUID
) -> None:
    store(organization_id)
    relay.publish_due()  # warms the connections up
    stored = store(organization_id)
    broker.pause()
    try:
        begun_at = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            relay.publish_due()
        assert time.monotonic() - begun_at < 6
        assert Notification.objects.get(pk=stored).status == Status.PENDING
    finally:
        broker.resume()


def test_a_queue_that_an_operator_deleted_is_declared_again(
    broker: RabbitMQ, organization_id: UUID
) -> None:
    relay = Relay()
    store(organization_id)
    relay.publish_due()
    with current_app.connection_for_write() as amqp:
        channel: Any = amqp.default_channel
        channel.queue_delete("email.queue")
    stored = store(organization_id)
    with pytest.raises(BrokerUnavailable):
        relay.publish_due()
    assert relay.publish_due() == 1
    assert waiting_messages("email.queue")[0]["notification_ids"] == [str(stored)]


def test_what_is_confirmed_is_in_the_queue_also_after_a_refused_publish(
    broker: RabbitMQ,
) -> None:
    publish_ids(DELIVER_PUSH, [new_id()], kind="push")
    with current_app.connection_for_write() as amqp:
        channel: Any = amqp.default_channel
        channel.queue_delete("push.queue")
    with pytest.raises(BrokerUnavailable):
        publish_ids(DELIVER_PUSH, [new_id()], kind="push")
    last = new_id()
    publish_ids(DELIVER_PUSH, [last], kind="push")
    (message,) = waiting_messages("push.queue")
    assert message["notification_ids"] == [str(last)]


def test_the_sweep_hints_at_dead_letters_that_were_not_routed(
    broker: RabbitMQ, organization_id: UUID
) -> None:
    stored = store(organization_id)
    Notification.objects.filter(pk=stored).update(
        status="failed", finished_at=timezone.now() - timedelta(minutes=1)
    )
    assert sweep()["hinted"] == 1
    (message,) = waiting_messages("notification_status")
    assert message["notification_ids"] == [str(stored)]


def test_an_accept_wakes_the_relay_at_once(organization_id: UUID) -> None:
    alarm = open_alarm()
    alarm.wait(0.01)  # listens from here on
    woken_after: list[float] = []

    def wait() -> None:
        begun_at = time.monotonic()
        alarm.wait(5)
        woken_after.append(time.monotonic() - begun_at)
        connection.close()

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.2)
    store(organization_id)
    waiter.join(6)
    alarm.close()
    assert woken_after[0] < 2


@pytest.mark.parametrize(
    ("rows", "room", "sizes"),
    [(1, 4, [1]), (4, 4, [1, 1, 1, 1]), (9, 4, [3, 3, 3]), (400, 4, [100] * 4), (3, 1, [3])],
)
def test_a_chunk_is_one_id_when_quiet_and_a_hundred_under_load(
    rows: int, room: int, sizes: list[int]
) -> None:
    now = timezone.now()
    due = [DueNotification(new_id(), 5, now, "c-1") for _ in range(rows)]
    assert [len(part) for part in chunk(due, room)] == sizes


def wait_for_depth(queue: str, count: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(0.2)
        with suppress(OSError, AMQPError), current_app.connection_for_read() as amqp:
            channel: Any = amqp.default_channel
            if channel.queue_declare(queue, passive=True).message_count >= count:
                return
    raise AssertionError(f"{queue} never held {count} messages")
