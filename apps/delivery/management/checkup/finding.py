"""What a check answers, and the limit on how long it may take to answer."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from django.conf import settings

from notifier.configuration import DEVELOPMENT
from notifier.management.command_line import first_line
from notifier.tls_failure import explain_tls_failure

State = Literal["ok", "warning", "failed"]
SECONDS = 2.0
_SHAPES = {
    "DATABASE_URL": "postgres://user:password@host:5432/notifier",
    "BROKER_URL": "amqp://user:password@host:5672//",
    "CACHE_URL": "redis://:password@host:6379/0",
}
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found; `mend` is the command (or setting) that makes it good."""

    name: str
    state: State
    message: str
    mend: str = ""


class NoAnswer(Exception):
    """Whatever was asked is still thinking."""

    def __init__(self) -> None:
        super().__init__(f"no answer within {SECONDS:g} s")


def passed(name: str, message: str) -> Finding:
    return Finding(name=name, state="ok", message=message)


def warned(name: str, message: str, *, mend: str) -> Finding:
    return Finding(name=name, state="warning", message=message, mend=mend)


def failed(name: str, message: str, *, mend: str) -> Finding:
    return Finding(name=name, state="failed", message=message, mend=mend)


def describe_absence(name: str, error: Exception, *, setting: str, mend: str = "") -> Finding:
    """Answer for a server that cannot be reached, and say so where TLS is the reason.

    On one's own machine the servers are ours to start; elsewhere somebody else runs them.
    """
    is_local = settings.NOTIFIER_ENV == DEVELOPMENT
    mend = mend or ("make servers" if is_local else f"export {setting}='{_SHAPES[setting]}'")
    if reason := explain_tls_failure(error):
        return failed(name, f"{setting}: {reason} ({first_line(error)})", mend="docs/tls.md")
    return failed(name, f"{setting} is away: {first_line(error)}", mend=mend)


def answer_in_time(ask: Callable[[], Result]) -> Result:
    """Return what `ask` returns or raise what it raises; raise NoAnswer after two seconds.

    Client libraries bound their reads, but hardly one bounds the look-up of a host's name. The
    thread that hangs is left behind: the command ends soon.
    """
    answers: list[Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # noqa: BLE001  # raised again below, by whoever waits
            errors.append(error)

    thread = threading.Thread(target=run, name="doctor", daemon=True)
    thread.start()
    thread.join(SECONDS)
    if errors:
        raise errors[0]
    if not answers:
        raise NoAnswer
    return answers[0]
