"""How the memory of processes goes while they work."""

import time
from collections.abc import Mapping

from bench.usage import measure_memory

SECONDS_BETWEEN = 0.5
# Before a third of the work is done, processes are still loading what they need.
WARM_SHARE = 0.33


class MemoryLog:
    """Resident megabytes of named processes over the share of the work that is done."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._noted_at = 0.0
        self._points: dict[str, list[float]] = {name: [] for name in pids}

    def note(self, share: float) -> None:
        """Measure, at most twice a second and not before the processes are warm."""
        if share < WARM_SHARE or time.monotonic() - self._noted_at < SECONDS_BETWEEN:
            return
        self._noted_at = time.monotonic()
        for name, pid in self._pids.items():
            self._points[name].append(measure_memory(pid).resident)

    def find_growth(self) -> float:
        """Return last / first of the process that grew most; 1 for flat, and for no points."""
        return max((each[-1] / each[0] for each in self._points.values() if each), default=1.0)
