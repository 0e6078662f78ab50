"""Hints at recorded outcomes: published beside the work, together where there are many."""

from typing import Any
from uuid import UUID

from celery import current_app

from apps.delivery.services.announcing import Announcer
from deploy.local.servers import RabbitMQ
from notifier.broker import declare_topology
from notifier.identifiers import new_id
from tests.integration.messages import waiting_messages

LIMIT = 10.0


def make_ids(count: int) -> list[UUID]:
    return [new_id() for _ in range(count)]


def test_every_id_is_published_in_its_order_and_many_in_one_message(broker: RabbitMQ) -> None:
    announcer, ids = Announcer(), make_ids(350)
    for start in range(0, 350, 7):
        announcer.announce(ids[start : start + 7])
    assert announcer.flush(seconds=LIMIT)
    messages = [each["notification_ids"] for each in waiting_messages("notification_status")]
    assert [each for message in messages for each in message] == [str(each) for each in ids]
    assert len(messages) < 20
    assert max(map(len, messages)) <= 100


def test_what_the_broker_does_not_take_is_left_and_the_next_goes_on(broker: RabbitMQ) -> None:
    announcer, (lost, taken) = Announcer(), make_ids(2)
    with current_app.connection_for_write() as amqp:
        channel: Any = amqp.default_channel
        channel.queue_delete("notification_status")
        announcer.announce([lost])
        assert announcer.flush(seconds=LIMIT)
        declare_topology(amqp)
    announcer.announce([taken])
    assert announcer.flush(seconds=LIMIT)
    (message,) = waiting_messages("notification_status")
    assert message["notification_ids"] == [str(taken)]
