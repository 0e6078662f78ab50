"""Row 14: providers that are ill for minutes, and four worker processes that leave them alone."""

import time
from collections.abc import Iterable, Sequence
from itertools import pairwise

from tests.faults.field import Field
from tests.faults.registry import fault_row
from tests.standins.processes import StandinProcess

# Per channel. The trial of one must be seen by three others that would like to try as well.
PROCESSES = 4
RESET_SECONDS = 10
# So slow that trials of two processes would overlap.
LATENCY_MS = 1000
THRESHOLD = 5
# A process that had its permit before the breaker opened may still call.
CALLS_UNTIL_OPEN = THRESHOLD + PROCESSES
CUT = 0.95


@fault_row("14", "provider 5xx for two minutes", settle=150, doubts=False)
def fail_providers(field: Field) -> None:
    settings = {"BREAKER_RESET_SECONDS": str(RESET_SECONDS), "BREAKER_THRESHOLD": str(THRESHOLD)}
    for channel in ("email", "push"):
        concurrency = {f"{channel.upper()}_CONCURRENCY": str(PROCESSES)}
        field.vary_role(channel, **settings, **concurrency)
    seconds = field.size(120, 60)
    traffic = field.begin_traffic(10 * seconds, rate=10)
    sink, fcm = field.installation.sink, field.installation.fcm
    with field.fault():
        sink.behave(fail_always=True, code=451, target="mail", latency_ms=LATENCY_MS)
        fcm.behave(fail_always=True, code=503, target="send", latency_ms=LATENCY_MS)
        time.sleep(seconds)
        calls = [_list_refusals(sink, "mail"), _list_refusals(fcm, "send")]
        sink.behave()
        fcm.behave()
    _expect_cut(field, sum(map(len, calls)), len(traffic.accepted))
    _expect_single_trials(field, calls)


def _list_refusals(standin: StandinProcess, kind: str) -> list[float]:
    """Return when a provider refused a call, oldest first."""
    return [record["time"] for record in standin.messages(kind=kind, outcome="refused")]


def _expect_cut(field: Field, calls: int, accepted: int) -> None:
    """Without a breaker each notification would have been at least one call."""
    cut = 1 - calls / accepted
    field.facts |= {"calls to the failing providers": calls, "cut %": round(100 * cut, 1)}
    allowed = max((1 - CUT) * accepted, 2 * (CALLS_UNTIL_OPEN + field.size(0, 4)))
    field.expect(calls <= allowed, f"{calls} calls for {accepted} notifications")


def _expect_single_trials(field: Field, calls: Iterable[Sequence[float]]) -> None:
    """After the opening, each call is a trial, and its failure opens for the whole time again."""
    for refusals in calls:
        trials = refusals[CALLS_UNTIL_OPEN - 1 :]
        gaps = [after - before for before, after in pairwise(trials)]
        field.expect(gaps, f"{len(refusals)} calls: the breaker never was half open twice")
        early = [round(gap, 1) for gap in gaps if gap < RESET_SECONDS * 0.9]
        field.expect(not early, f"trials only {early} s apart")
