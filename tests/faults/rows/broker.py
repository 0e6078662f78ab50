"""Rows 6-9: a broker that dies, is in alarm, was never there, or is emptied by an operator."""

import time

from tests.faults.field import Field
from tests.faults.registry import fault_row

USUAL_WATERMARK = "0.4"


@fault_row("6", "broker kill -9, restarted", short=True, doubts=False, soak=True)
def kill_broker(field: Field) -> None:
    field.begin_traffic(field.size(3000, 200), rate=60)
    for _ in range(field.size(3, 1)):
        field.pause(2, 5)
        with field.fault():
            field.installation.rabbitmq.kill()
            field.pause(1, 5)
            field.installation.rabbitmq.start()


@fault_row("7", "broker in memory alarm", doubts=False, p99_ms=300, soak=True)
def alarm_broker(field: Field) -> None:
    broker = field.installation.rabbitmq
    alarm_seconds = field.size(60, 10)
    field.begin_traffic(20 * (alarm_seconds + 5), rate=20)
    time.sleep(2)
    with field.fault():
        broker.ctl("set_vm_memory_high_watermark", "0")
        try:
            time.sleep(alarm_seconds)
            field.expect(field.installation.answers("/ready"), "not ready during the alarm")
        finally:
            broker.ctl("set_vm_memory_high_watermark", USUAL_WATERMARK)


@fault_row("7b", "broker in disk alarm", doubts=False, p99_ms=300, soak=True)
def fill_brokers_disk(field: Field) -> None:
    broker = field.installation.rabbitmq
    field.begin_traffic(20 * field.size(30, 10), rate=20)
    time.sleep(2)
    with field.fault():
        broker.ctl("set_disk_free_limit", "100000GB")
        try:
            time.sleep(field.size(20, 5))
        finally:
            broker.ctl("set_disk_free_limit", "50MB")


@fault_row("8", "broker down at the start", doubts=False)
def start_without_broker(field: Field) -> None:
    whole = field.installation
    for role in whole.roles.values():
        role.kill()
    whole.rabbitmq.kill()
    with field.fault():
        for role in whole.roles.values():
            role.start()
        whole.wait_until(lambda: whole.answers("/live"), limit=30)
        field.begin_traffic(field.size(200, 30), rate=20).finish()
        field.expect(whole.answers("/ready"), "not ready (degraded) without the broker")
        time.sleep(field.size(60, 5))
        whole.rabbitmq.start()


@fault_row("9", "queues purged and deleted by an operator", settle=60, doubts=False, soak=True)
def empty_queues(field: Field) -> None:
    field.installation.sink.behave(latency_ms=200)
    field.begin_traffic(field.size(300, 60), rate=60)
    with field.fault():
        for _ in range(3):
            field.pause(0.7, 1.5)
            _purge(field)
        field.pause(0.5, 1)
        _delete(field)
    field.installation.sink.behave()


def _purge(field: Field) -> None:
    with field.channel() as channel:
        purged = channel.queue_purge("email.queue") + channel.queue_purge("push.queue")
    field.facts["messages purged"] = field.facts.get("messages purged", 0) + purged


def _delete(field: Field) -> None:
    with field.channel() as channel:
        for queue in ("email.queue", "push.queue", "notification_status", "failed.queue"):
            channel.queue_delete(queue)
