"""Row 3: a worker that dies at each named point of a send, its child or the whole of it."""

from pathlib import Path

from tests.faults.death_notes import POINTS, order_death
from tests.faults.field import Field
from tests.faults.ledgers import count_unfinished_rows
from tests.faults.registry import fault_row
from tests.faults.traffic import build_mail

# Between the provider's yes and our commit nobody can know: here, and nowhere else, may a mail go
# out twice.
UNKNOWABLE = {"after provider call", "before commit"}
RATE = 20.0
OBEY_SECONDS = 30.0


@fault_row("3", "kill at each point of a send", settle=60)
def kill_at_each_point(field: Field) -> None:
    notes = field.installation.folder / "death-notes"
    notes.mkdir(exist_ok=True)
    field.vary_role("email", app="tests.faults.dying_worker", DEATH_NOTES=str(notes))
    with field.fault():
        for point in POINTS:
            _kill_at_point(field, notes, point)
    field.facts["deaths at each point"] = field.size(20, 2)


def _kill_at_point(field: Field, notes: Path, point: str) -> None:
    traffic = field.begin_traffic(field.size(150, 20), rate=RATE, build=build_mail)
    for number in range(field.size(20, 2)):
        whole = number == 1
        order = order_death(notes, point, whom="worker" if whole else "child")
        _keep_busy_until_obeyed(field, order)
        if whole:
            field.installation.roles["email"].kill()
            field.start_and_wait("email")
    traffic.finish()
    field.wait_until(lambda: count_unfinished_rows(field.installation) == 0, limit=60)
    _expect_no_repeats(field, point)


def _keep_busy_until_obeyed(field: Field, order: Path) -> None:
    """Nobody dies at a point that nobody passes: when the traffic is over, post one more."""
    while order.exists():
        field.accept(build_mail(0))
        field.wait_until(lambda: not order.exists() or _is_idle(field), limit=OBEY_SECONDS)


def _is_idle(field: Field) -> bool:
    return count_unfinished_rows(field.installation) == 0


def _expect_no_repeats(field: Field, point: str) -> None:
    """All that was accepted so far is final: what is repeated now was repeated at this point."""
    taken = field.count_deliveries()
    repeated = sum(count > 1 for count in taken.values()) - field.facts.get("repeated", 0)
    field.facts["repeated"] = field.facts.get("repeated", 0) + repeated
    if repeated:
        field.facts[f"repeated {point}"] = repeated
    field.expect(not repeated or point in UNKNOWABLE, f"{repeated} repeated at: {point}")
