"""What every role's processes hold, measured again and again: memory and open files."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from deploy.local.processes import list_descendants
from tests.e2e.installation import Installation
from tests.faults.field import Field

LARGEST_GROWTH = 0.10
# What a process takes once more after each restart says nothing about an hour.
WARM_UP_MEGABYTES = 8
FILES_MORE = 5


@dataclass(frozen=True, slots=True)
class Holding:
    """One role with all its processes."""

    megabytes: float
    files: int


class Growth:
    """Compares the last third of its measurements with the first, role by role."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._seen: defaultdict[str, list[Holding]] = defaultdict(list)

    def measure(self) -> None:
        for name, role in self._installation.roles.items():
            if role.is_running():
                self._seen[name].append(_measure_tree(role.pid))

    def judge(self, field: Field) -> None:
        """Note what grew as a broken promise, and what all of it holds as a fact."""
        totals = [0.0, 0.0]
        for name, seen in self._seen.items():
            first, last = _compare_thirds(seen)
            totals = [totals[0] + first.megabytes, totals[1] + last.megabytes]
            more = last.megabytes - first.megabytes
            grown = more > WARM_UP_MEGABYTES and more > first.megabytes * LARGEST_GROWTH
            field.expect(not grown, f"{name}: {first.megabytes:.0f} to {last.megabytes:.0f} MB")
            leaked = last.files > first.files + FILES_MORE
            field.expect(not leaked, f"{name}: {first.files} to {last.files} open files")
        field.facts["MB at first and at last"] = f"{totals[0]:.0f} {totals[1]:.0f}"


def _compare_thirds(seen: Sequence[Holding]) -> tuple[Holding, Holding]:
    third = max(1, len(seen) // 3)
    return _find_middle(seen[:third]), _find_middle(seen[-third:])


def _find_middle(seen: Sequence[Holding]) -> Holding:
    megabytes = median(each.megabytes for each in seen)
    return Holding(megabytes, round(median(each.files for each in seen)))


def _measure_tree(pid: int) -> Holding:
    pids = [pid, *(child.pid for child in list_descendants(pid))]
    parts = [part for each in pids for part in _measure_process(Path(f"/proc/{each}"))]
    return Holding(sum(part.megabytes for part in parts), sum(part.files for part in parts))


def _measure_process(folder: Path) -> Iterator[Holding]:
    """Yield what a process holds; nothing for one that has just ended."""
    try:
        lines = (folder / "status").read_text().splitlines()
        files = len(list((folder / "fd").iterdir()))
    except OSError:
        return
    resident = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
    yield Holding(sum(resident) / 1024, files)
