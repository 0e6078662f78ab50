"""What processes use: processor time and memory, with all of their descendants, from /proc."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import PROC, list_descendants

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# The four times of a process in /proc/PID/stat (proc(5)), counted from the field after its name:
# its own in user and kernel mode, and those of children that it has waited for. With the latter a
# database backend that ended within the window is not lost.
_FIRST_TIME, _LAST_TIME = 11, 14


class CpuWatch:
    """Processor time of named processes from its making to `read_percent`.

    Those that `find_later` names as well count from their start.
    """

    def __init__(
        self, roots: Mapping[str, int], *, find_later: Callable[[], Mapping[str, int]] = dict
    ) -> None:
        self._roots = roots
        self._find_later = find_later
        self._begun_at = time.monotonic()
        self._before = {name: measure_cpu_seconds(pid) for name, pid in roots.items()}

    def read_percent(self) -> dict[str, float]:
        """Return percent of one core by name, the busiest first."""
        passed = time.monotonic() - self._begun_at
        roots = {**self._find_later(), **self._roots}
        used = {
            name: 100 * (measure_cpu_seconds(pid) - self._before.get(name, 0.0)) / passed
            for name, pid in roots.items()
        }
        for name, pid in roots.items():
            if pid == os.getpid():  # all the others are its children
                others = sum(each for other, each in used.items() if other != name)
                used[name] = max(0.0, used[name] - others)
        return dict(sorted(used.items(), key=lambda item: -item[1]))


def measure_cpu_seconds(pid: int) -> float:
    """Return what a process and its descendants, ended ones included, have used so far."""
    ticks = sum(_read_ticks(each) for each in list_tree(pid))
    return ticks / TICKS_PER_SECOND


def list_tree(pid: int) -> list[int]:
    return [pid, *(child.pid for child in list_descendants(pid))]


def _read_ticks(pid: int) -> int:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:  # it ended meanwhile; its parent has its times now
        return 0
    fields = text.rpartition(")")[2].split()
    return sum(int(field) for field in fields[_FIRST_TIME : _LAST_TIME + 1])


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes. `proportional` counts a page that n processes share as 1/n in each (PSS)."""

    resident: float
    proportional: float


def measure_memory(pid: int) -> Memory:
    """Return the memory of a process and its descendants together."""
    pages = [_read_rollup(PROC / str(each) / "smaps_rollup") for each in list_tree(pid)]
    return Memory(sum(page["Rss"] for page in pages), sum(page["Pss"] for page in pages))


def _read_rollup(path: Path) -> dict[str, float]:
    found = {"Rss": 0.0, "Pss": 0.0}
    try:
        lines = path.read_text().splitlines()
    except OSError:  # it ended meanwhile
        return found
    for line in lines:
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) / 1024
    return found
