"""Rows 13, 16, 17: providers that limit, refuse, and want fresh credentials."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import requests

from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row
from tests.faults.traffic import build_mail, build_push

_PUT_OFF = (
    "SELECT extract(epoch FROM due_at - now()) AS wait FROM notifications_notification"
    " WHERE id = %s AND status = 'pending' AND attempts > 0"
)


@fault_row("13", "429 with Retry-After: seconds, date, absurd", doubts=False, all_delivered=False)
def limit_pushes(field: Field) -> None:
    _limit_once(field, "4", shortest=3.2)
    _limit_once(field, _say_date(seconds=6), shortest=4.0)
    _limit_absurdly(field)


def _limit_once(field: Field, wish: str, *, shortest: float) -> None:
    field.installation.fcm.behave(fail_next=1, code=429, retry_after=wish, target="send")
    limited = field.accept(build_push(len(field.more_accepted)))
    status = field.installation.wait_for_final(limited, limit=30)
    field.expect(status == "sent", f"Retry-After {wish}: {status}")
    waited = _measure_wait(field, limited)
    field.expect(waited >= shortest, f"Retry-After {wish}: tried again after {waited:.1f} s")


def _say_date(*, seconds: float) -> str:
    due = datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=seconds)
    return format_datetime(due, usegmt=True)


def _limit_absurdly(field: Field) -> None:
    field.installation.fcm.behave(fail_next=1, code=429, retry_after="1000000000", target="send")
    parked = field.accept(build_push(99))
    field.wait_until(lambda: bool(query(field.installation, _PUT_OFF, parked)), limit=20)
    (row,) = query(field.installation, _PUT_OFF, parked)
    field.facts["Retry-After 10^9 waits s"] = round(float(row["wait"]))
    field.expect(row["wait"] <= 3600 * 1.2, f"Retry-After 10^9 waits {row['wait']} s")
    answer = field.installation.post(f"/notifications/{parked}/cancel", {})
    field.expect(answer.status_code == requests.codes.ok, "the parked one cannot be cancelled")


def _measure_wait(field: Field, notification_id: str) -> float:
    story = field.installation.timeline(notification_id)
    begun = [datetime.fromisoformat(e["at"]) for e in story if e["status"] == "sending"]
    return (begun[-1] - begun[0]).total_seconds()


SMTP_ANSWERS = {
    "once451@a.example.org": ("sent", ""),
    "grey451@b.example.org": ("failed", "retries_exhausted"),
    "bounce550@c.example.org": ("failed", "permanent_error"),
    "data554@d.example.org": ("failed", "permanent_error"),
    "drop-after-data@e.example.org": ("failed", "in_doubt"),
}
FCM_ANSWERS = {
    "UNREGISTERED:a": ("failed", "permanent_error"),
    "INVALID_ARGUMENT:b": ("failed", "permanent_error"),
    "QUOTA_EXCEEDED:1:c": ("failed", "retries_exhausted"),
    "INTERNAL:d": ("failed", "retries_exhausted"),
    "once503:e": ("sent", ""),
}


@fault_row("16", "SMTP answers: 421, 451, 550, 554, drop after DATA", all_delivered=False)
def answer_mails(field: Field) -> None:
    bodies = {to: {**build_mail(1), "to": {"email": to}} for to in SMTP_ANSWERS}
    _expect_outcomes(field, bodies, SMTP_ANSWERS)
    with field.fault():
        field.installation.sink.behave(refuse=True)
        field.accept(build_mail(2))
        field.pause(1, 2)
        field.installation.sink.behave()


# Refused credentials park the channel for a minute.
@fault_row("17", "FCM answers, access token expired", all_delivered=False, recover=90)
def answer_pushes(field: Field) -> None:
    bodies: dict[str, dict[str, Any]] = {
        token: {**build_push(1), "to": {"push_token": token, "platform": "android"}}
        for token in FCM_ANSWERS
    }
    _expect_outcomes(field, bodies, FCM_ANSWERS)
    with field.fault():
        _expire_token(field)


def _expire_token(field: Field) -> None:
    """What was refused because of the token goes out with a fresh one, by itself."""
    fcm = field.installation.fcm
    before = len(fcm.messages(kind="token", outcome="accepted"))
    fcm.behave(fail_next=1, code=401, bare=True, target="send")
    refused = field.accept(build_push(7))
    status = field.installation.wait_for_final(refused, limit=90)
    fresh = len(fcm.messages(kind="token", outcome="accepted")) - before
    field.expect(status == "sent", f"after an expired access token: {status}")
    field.expect(fresh >= 1, "no fresh access token was asked for")


def _expect_outcomes(
    field: Field, bodies: dict[str, dict[str, Any]], expected: dict[str, tuple[str, str]]
) -> None:
    with field.fault():
        ids = {wish: field.accept(body) for wish, body in bodies.items()}
        for wish, notification_id in ids.items():
            status = field.installation.wait_for_final(notification_id, limit=120)
            reason = field.installation.timeline(notification_id)[-1]["reason"] or ""
            found = (status, reason)
            field.expect(found == expected[wish], f"{wish.partition('@')[0]}: {found}")
