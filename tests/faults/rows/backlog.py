"""Rows 19, 22: work that waits must not hold up fresh work, and a backlog drains fast."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from deploy.local.processes import list_descendants
from tests.faults.field import Field
from tests.faults.ledgers import count_deliveries, query
from tests.faults.registry import fault_row
from tests.faults.traffic import build_mail

FRESH_SECONDS = 1.0
URGENT_SECONDS = 5.0
LOWEST_DRAIN_RATE = 500 / 60
MEGABYTES_GROWN = 64
_SENT = "SELECT count(*) FROM notifications_notification WHERE status = 'sent'"


@fault_row("19", "1,000 due in five minutes, one fresh", doubts=False)
def wait_behind_retries(field: Field) -> None:
    due = datetime.fromtimestamp(time.time(), UTC) + timedelta(minutes=5)

    def build(number: int) -> dict[str, Any]:
        return {**build_mail(number), "scheduled_at": due.isoformat()}

    with field.fault():
        field.begin_traffic(field.size(1000, 50), rate=200, build=build).finish()
        waits = [_time_fresh(field) for _ in range(5)]
    field.facts["slowest fresh s"] = round(max(waits), 2)
    field.expect(max(waits) < FRESH_SECONDS, f"a fresh one took {max(waits):.1f} s")
    early = count_deliveries(field.installation)
    field.expect(len(early) == len(waits), "some were sent before they were due")
    query(
        field.installation,
        "UPDATE notifications_notification SET due_at = now() WHERE status = 'pending'",
    )


def _time_fresh(field: Field) -> float:
    begun_at = time.monotonic()
    fresh = field.accept(build_mail(0))
    field.wait_until(lambda: count_deliveries(field.installation)[fresh] > 0, limit=60)
    return time.monotonic() - begun_at


@fault_row("22", "backlog of 10,000", doubts=False, settle=300)
def drain_backlog(field: Field) -> None:
    workers = field.installation.roles["email"]
    count = field.size(10_000, 300)
    with field.fault():
        workers.stop(limit=30)
        _post_bulk(field, count)
        workers.start()
        field.wait_until(lambda: _count_sent(field) > count // 20, limit=60)
        begun_at, already = time.monotonic(), _count_sent(field)
        memory = _measure_memory(workers.pid)
        field.probe()
        urgent = time.monotonic() - begun_at
    field.wait_until(lambda: _count_sent(field) >= count, limit=300)
    rate = (count - already) / (time.monotonic() - begun_at)
    grown = _measure_memory(workers.pid) - memory
    field.facts |= {"drained per s": round(rate), "urgent s": round(urgent, 2)}
    field.facts["workers grew MB"] = grown
    field.expect(rate >= LOWEST_DRAIN_RATE, f"drained {rate:.0f} per second")
    field.expect(urgent < URGENT_SECONDS, f"an urgent one took {urgent:.1f} s")
    field.expect(grown < MEGABYTES_GROWN, f"the workers grew by {grown} MB")


def _post_bulk(field: Field, count: int) -> None:
    recipients = [{"to": {"email": f"reader{number}@example.org"}} for number in range(count)]
    body = {
        "notification_type": "email",
        "template_code": _make_template(field),
        "recipients": recipients,
    }
    answer = field.installation.post("/notifications/bulk", body)
    field.expect(answer.status_code == requests.codes.accepted, answer.text[:200])
    rows = query(field.installation, "SELECT id::text FROM notifications_notification")
    field.more_accepted += [row["id"] for row in rows]


def _make_template(field: Field) -> str:
    code = f"backlog-{field.chance.getrandbits(32):x}"
    content = {"subject": "Your order", "text": "It is on its way"}
    template = {"code": code, "channel": "email", "name": "Backlog", "language": "en"}
    answer = field.installation.post("/templates", {**template, "content": content})
    field.expect(answer.status_code == requests.codes.created, answer.text[:200])
    return code


def _count_sent(field: Field) -> int:
    return int(query(field.installation, _SENT)[0]["count"])


def _measure_memory(pid: int) -> int:
    """Return the resident megabytes of a process and its descendants."""
    return sum(_read_resident(each) for each in (pid, *(c.pid for c in list_descendants(pid))))


def _read_resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))
