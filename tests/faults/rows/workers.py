"""Rows 1, 2, 24, 25: workers and relays that die, are replaced, or are there twice."""

import os
import signal
import time
from dataclasses import replace

from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row

WARM_STOP_SECONDS = 25.0
_DOUBTS = "SELECT count(*) FROM notifications_notification WHERE doubts > 0 OR status = 'sending'"


@fault_row("1", "worker child kill -9", short=True)
def kill_worker_children(field: Field) -> None:
    field.installation.sink.behave(latency_ms=10)
    field.begin_traffic(field.size(1000, 120), rate=40)
    with field.fault():
        for _ in range(field.size(20, 4)):
            field.pause(0.4, 1.4)
            field.kill_child("email")


@fault_row("2", "whole worker kill -9, restarted")
def kill_whole_workers(field: Field) -> None:
    field.installation.sink.behave(latency_ms=10)
    field.begin_traffic(field.size(1000, 120), rate=40)
    with field.fault():
        for number in range(field.size(10, 2)):
            field.pause(1.2, 2.4)
            field.restart_killed("push" if number % 4 == 3 else "email")


@fault_row("5", "relay kill -9")
def kill_relays(field: Field) -> None:
    field.begin_traffic(field.size(1000, 100), rate=40)
    with field.fault():
        for _ in range(field.size(20, 3)):
            field.pause(0.5, 1.8)
            field.restart_killed("relay")


@fault_row("24", "rolling restart with SIGTERM", doubts=False)
def restart_in_order(field: Field) -> None:
    field.installation.sink.behave(latency_ms=20)
    field.begin_traffic(field.size(1000, 120), rate=25)
    slowest = 0.0
    with field.fault():
        for number in range(field.size(10, 2)):
            name = ("email", "push", "email", "relay")[number % 4]
            begun_at = time.monotonic()
            code = field.installation.roles[name].stop(limit=WARM_STOP_SECONDS + 5)
            slowest = max(slowest, time.monotonic() - begun_at)
            field.expect(code == 0, f"{name} ended with {code} on SIGTERM")
            field.start_and_wait(name)
            field.pause(0.2, 1.0)
    field.facts["slowest stop s"] = round(slowest, 1)
    field.expect(slowest <= WARM_STOP_SECONDS, f"a stop took {slowest:.0f} s")


@fault_row("25", "two relays, two beats", doubts=False)
def double_the_singles(field: Field) -> None:
    for name in ("relay", "beat"):
        role = field.installation.roles[name].role
        command = tuple(part.replace("beat-schedule", "beat-schedule-2") for part in role.command)
        field.add_role(replace(role, name=f"{name}-2", command=command))
    field.begin_traffic(field.size(1000, 100), rate=40).finish()


@fault_row("3", "kill at each point of a send")
def kill_at_each_point(field: Field) -> None:
    with field.fault():
        for _ in range(field.size(3, 1)):
            for kill in (_kill_before_claim, _kill_before_acceptance, _kill_before_answer):
                kill(field)
    doubts = query(field.installation, _DOUBTS)[0]["count"]
    field.expect(doubts, "no worker died while it was sending: the row proved nothing")


def _replace_worker(field: Field) -> None:
    field.installation.roles["email"].kill()
    field.start_and_wait("email")


def _kill_before_claim(field: Field) -> None:
    worker = field.installation.roles["email"]
    os.killpg(worker.pid, signal.SIGSTOP)
    field.begin_traffic(5, rate=100).finish()
    field.pause(0.5, 1.0)
    _replace_worker(field)


def _kill_before_acceptance(field: Field) -> None:
    field.installation.sink.behave(latency_ms=1500)
    field.begin_traffic(5, rate=100).finish()
    field.pause(0.3, 1.2)
    _replace_worker(field)
    field.installation.sink.behave()


def _kill_before_answer(field: Field) -> None:
    """The sink has taken the mail and its answer is on the way when the worker dies."""
    field.begin_traffic(3, rate=100, build=_build_slow_mail).finish()
    field.pause(0.4, 1.6)
    _replace_worker(field)


def _build_slow_mail(number: int) -> dict[str, object]:
    return {
        "notification_type": "email",
        "to": {"email": f"slow2@reader{number}.example.org"},
        "content": {"subject": f"Order {number}", "text": "It is on its way"},
    }
