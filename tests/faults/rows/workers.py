"""Rows 1, 2, 24, 25: workers and relays that die, are replaced, or are there twice."""

import time
from dataclasses import replace

from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row

WARM_STOP_SECONDS = 25.0
LONGEST_LAG_SECONDS = 5.0
_LAG = (
    "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - created_at))"
    " AS seconds FROM notifications_notification WHERE status = 'sent'"
)


@fault_row("1", "worker child kill -9", short=True, soak=True)
def kill_worker_children(field: Field) -> None:
    field.installation.sink.behave(latency_ms=10)
    field.begin_traffic(field.size(1000, 120), rate=40)
    with field.fault():
        for _ in range(field.size(20, 4)):
            field.pause(0.4, 1.4)
            field.kill_child("email")


@fault_row("2", "whole worker kill -9, restarted", soak=True)
def kill_whole_workers(field: Field) -> None:
    field.installation.sink.behave(latency_ms=10)
    field.begin_traffic(field.size(1000, 120), rate=40)
    with field.fault():
        for number in range(field.size(10, 2)):
            field.pause(1.2, 2.4)
            field.restart_killed("push" if number % 4 == 3 else "email")


def _expect_short_lags(field: Field) -> None:
    lag = float(query(field.installation, _LAG)[0]["seconds"])
    field.facts["accept to sent, p99 s"] = round(lag, 2)
    judged = not field.short  # where one of a hundred is enough
    field.expect(
        not judged or lag < LONGEST_LAG_SECONDS, f"p99 from accept to sent is {lag:.1f} s"
    )


@fault_row("5", "relay kill -9", soak=True, verify=_expect_short_lags)
def kill_relays(field: Field) -> None:
    field.begin_traffic(field.size(1000, 100), rate=40)
    with field.fault():
        for _ in range(field.size(20, 3)):
            field.pause(0.5, 1.8)
            field.installation.roles["relay"].kill()
            field.start_and_wait("relay")  # one that dies while it starts relays nothing


@fault_row("24", "rolling restart with SIGTERM", doubts=False, soak=True)
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


@fault_row("25", "two relays, two beats", doubts=False, soak=True)
def double_the_singles(field: Field) -> None:
    for name in ("relay", "beat"):
        role = field.installation.roles[name].role
        command = tuple(part.replace("beat-schedule", "beat-schedule-2") for part in role.command)
        field.add_role(replace(role, name=f"{name}-2", command=command))
    field.begin_traffic(field.size(1000, 100), rate=40).finish()
