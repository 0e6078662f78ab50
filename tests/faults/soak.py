"""Row 26: steady traffic for an hour, and one random fault of the table after the other."""

import sys
import time
from collections.abc import Sequence
from functools import partial

from tests.faults.field import Field
from tests.faults.growth import Growth
from tests.faults.ledgers import count_unfinished_rows
from tests.faults.registry import Row
from tests.faults.traffic import ACCEPTED, Answer

SETTLE_SECONDS = 120.0
LONGEST_P99_SECONDS = 0.1
SHORTEST_QUIET_SECONDS, LONGEST_QUIET_SECONDS = 8.0, 30.0
# After a fault's end a process takes a while to let go of what it needed.
CALM_SECONDS = 3.0
LINES_KEPT = 2000


def build_soak_row(rows: Sequence[Row], *, minutes: float, rate: float) -> Row:
    """Return the row that draws faults out of `rows` for so long, at so many posts a second."""
    return Row(
        number="26",
        title=f"soak: {minutes:g} min at {rate:g}/s",
        inject=partial(_soak, rows=[row for row in rows if row.soak], minutes=minutes, rate=rate),
        settle=SETTLE_SECONDS,
    )


def _soak(field: Field, *, rows: Sequence[Row], minutes: float, rate: float) -> None:
    """Each fault is its row's short form, on top of the steady traffic."""
    field.short = True
    ends_at = time.monotonic() + minutes * 60
    quiet = min(max(minutes, SHORTEST_QUIET_SECONDS), LONGEST_QUIET_SECONDS)
    steady = field.begin_traffic(int(minutes * 60 * rate), rate=rate, threads=8)
    field.traffics.remove(steady)  # rows wait for their own traffic, not for this
    growth, troubled = Growth(field.installation), list[tuple[float, float]]()
    drawn: list[str] = []
    try:
        _stay_quiet(growth, quiet)
        while time.monotonic() + quiet < ends_at:
            row = field.chance.choice(rows)
            drawn.append(row.number)
            troubled.append(_suffer(field, row, backlog=2 * rate))
            _stay_quiet(growth, quiet)
    finally:
        steady.end()
        field.traffics.append(steady)
        field.windows.append((time.monotonic(), time.monotonic()))  # the last one's is long over
    field.facts |= {"faults": len(drawn), "rows": " ".join(drawn)}
    growth.judge(field)
    _judge_accepts(field, steady.answers, troubled)


def _suffer(field: Field, row: Row, *, backlog: float) -> tuple[float, float]:
    """Inject one fault and return when it began and when all was well again."""
    begun_at = time.monotonic()
    _tell(f"    {time.strftime('%X')} row {row.number} {row.title}")
    row.inject(field)
    returned_at = time.monotonic()
    field.probe()
    recovered = time.monotonic() - returned_at
    field.expect(recovered <= row.recover, f"row {row.number}: back after {recovered:.0f} s")
    field.note_deaths()
    field.end_extras()
    field.wait_until(
        lambda: count_unfinished_rows(field.installation) <= backlog, limit=SETTLE_SECONDS
    )
    del field.installation.lines[:-LINES_KEPT]
    return begun_at, time.monotonic()


def _stay_quiet(growth: Growth, seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    time.sleep(CALM_SECONDS)
    while time.monotonic() < ends_at:
        growth.measure()
        time.sleep(1)


def _judge_accepts(
    field: Field, answers: Sequence[Answer], troubled: Sequence[tuple[float, float]]
) -> None:
    quiet = sorted(
        answer.seconds
        for answer in answers
        if answer.code in ACCEPTED
        and not any(begun_at <= answer.begun_at <= over_at for begun_at, over_at in troubled)
    )
    if not quiet:
        field.expect(fulfilled=False, promise="no post was accepted outside of faults")
        return
    p99 = quiet[int(len(quiet) * 0.99)]
    field.facts["p99 ms outside of faults"] = round(p99 * 1000, 1)
    field.expect(p99 < LONGEST_P99_SECONDS, f"accept p99 outside of faults: {p99 * 1000:.0f} ms")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
