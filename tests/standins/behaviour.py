"""How a stand-in is told at run time to misbehave."""

from dataclasses import dataclass, fields
from typing import Any

FAULTS = ("status", "hang", "reset", "garbage")


@dataclass(kw_only=True)
class Behaviour:
    """What happens to the next calls; the defaults are good health.

    `fail_next` calls, or all with `fail_always`, meet the `fault`: "status" is answered with
    `code` (0: the protocol's usual one, 503 or 451) and `retry_after`; "hang" is never answered;
    "reset" is cut off after it was read; "garbage" is accepted with an unreadable answer.
    `target` limits faults to one kind of call (see each stand-in; for SMTP the stage: mail, rcpt
    or data). `bare` leaves the vendor's own code out of the answer. `latency_ms` delays every
    answer, `refuse` turns new SMTP connections away.
    """

    fail_next: int = 0
    fail_always: bool = False
    fault: str = "status"
    code: int = 0
    bare: bool = False
    retry_after: str = ""
    latency_ms: int = 0
    target: str = ""
    refuse: bool = False

    def take_fault(self, target: str) -> str:
        """Return the fault that this call meets, or "" for none; counts `fail_next` down."""
        if self.target and self.target != target:
            return ""
        if self.fail_next > 0:
            self.fail_next -= 1
            return self.fault
        return self.fault if self.fail_always else ""


def read_behaviour(wanted: dict[str, Any]) -> Behaviour:
    """Make a Behaviour of decoded JSON; ValueError for a name or fault that does not exist.

    A misspelt wish must not pass: the test that made it would prove nothing.
    """
    known = {field.name for field in fields(Behaviour)}
    if unknown := wanted.keys() - known:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    behaviour = Behaviour(**wanted)
    if behaviour.fault not in FAULTS:
        raise ValueError(f"fault must be one of {FAULTS}")
    behaviour.retry_after = str(behaviour.retry_after)
    return behaviour
