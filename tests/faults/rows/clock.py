"""Row 20: clocks of workers and relay that are hours off, and jump: the database's decides."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row
from tests.faults.traffic import build_mail
from tests.faults.wrong_clock import LEARNED_WITHIN_SECONDS, WrongClock

THREE_HOURS = 3 * 3600
SKEWED = ("relay", "email", "push")
LATE_SECONDS = 5.0
SHORTEST_RETRY_SECONDS = 1.6  # two seconds, less a fifth
_ENDS = "SELECT DISTINCT status, reason FROM notifications_notification"
KNOWN_ENDS = {("sent", ""), ("expired", "expires_at_passed")}


@fault_row("20", "clocks three hours off, and jumping", doubts=False, all_delivered=False)
def skew_clocks(field: Field) -> None:
    clock = WrongClock(field.installation.folder / "wrong-clock")
    for name in SKEWED:
        field.vary_role(name, **clock.settings())
    with field.fault():
        for offset in (THREE_HOURS, -THREE_HOURS, 0):
            clock.jump(offset)
            time.sleep(LEARNED_WITHIN_SECONDS + 1)
            _live_with(field, offset)
    field.settle(limit=90)
    ends = {(row["status"], row["reason"]) for row in query(field.installation, _ENDS)}
    field.expect(ends <= KNOWN_ENDS, f"ended otherwise: {ends - KNOWN_ENDS}")


def _live_with(field: Field, offset: int) -> None:
    _expire_in_the_queue(field, offset)
    field.installation.sink.behave(latency_ms=500)  # so that leases have to be held
    # Less than two workers can take, so that nothing but a clock makes anything late.
    traffic = field.begin_traffic(field.size(24, 9), rate=3, build=_build_lasting)
    _send_when_due(field, offset)
    traffic.finish()
    field.installation.sink.behave()
    _retry_in_time(field, offset)


def _build_lasting(number: int) -> dict[str, Any]:
    """Not to be sent after ten minutes: a clock that is hours ahead must not throw it away."""
    return {**build_mail(number), "expires_at": _say_time(seconds=600)}


def _say_time(*, seconds: float) -> str:
    now = datetime.fromtimestamp(time.time(), UTC)
    return (now + timedelta(seconds=seconds)).isoformat()


def _send_when_due(field: Field, offset: int) -> None:
    due = time.time() + 5
    body = {**build_mail(0), "scheduled_at": _say_time(seconds=5), "priority": 10}
    planned = field.accept(body)
    field.wait_until(lambda: field.count_deliveries()[planned] > 0, limit=60)
    (record,) = (
        one
        for one in field.installation.sink.messages(kind="data")
        if one["notification_id"] == planned
    )
    late = record["time"] - due
    field.facts[f"late at {offset:+d} s"] = round(late, 2)
    field.expect(-0.1 <= late <= LATE_SECONDS, f"{late:.1f} s late with clocks {offset} s off")
    _expect_skew(field, record, offset)


def _expect_skew(field: Field, record: dict[str, Any], offset: int) -> None:
    """A clock that was right after all would prove nothing."""
    written = parsedate_to_datetime(dict(record["headers"])["Date"]).timestamp()
    field.expect(abs(written - record["time"] - offset) < 60, f"no clock was {offset} s off")


def _expire_in_the_queue(field: Field, offset: int) -> None:
    """It is with a worker that stands still when its time is over: only the claim can tell."""
    worker = field.installation.roles["email"]
    os.killpg(worker.pid, signal.SIGSTOP)
    try:
        expiring = field.accept({**build_mail(0), "expires_at": _say_time(seconds=1.5)})
        time.sleep(2.5)
    finally:
        os.killpg(worker.pid, signal.SIGCONT)
    status = field.installation.wait_for_final(expiring, limit=40)
    field.expect(status == "expired", f"overdue with clocks {offset} s off: {status}")


def _retry_in_time(field: Field, offset: int) -> None:
    mail = {**build_mail(1), "to": {"email": f"once451@by{offset}.example.org"}}
    repeated = field.accept(mail)
    status = field.installation.wait_for_final(repeated, limit=30)
    story = field.installation.timeline(repeated)
    begun = [datetime.fromisoformat(e["at"]) for e in story if e["status"] == "sending"]
    waited = (begun[-1] - begun[0]).total_seconds()
    field.expect(status == "sent", f"a retry with clocks {offset} s off: {status}")
    field.expect(waited >= SHORTEST_RETRY_SECONDS, f"tried again after {waited:.1f} s")
