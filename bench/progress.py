"""How fast something was done: counted where it ends, from 2 % to 98 % of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.crew import Crew
from bench.standins.sinks import Sink

POLL_SECONDS = 0.02
# The start of processes and the last stragglers are not what a rate is about.
FIRST_SHARE, LAST_SHARE = 0.02, 0.98


@dataclass(kw_only=True)
class Progress:
    """When how many had arrived."""

    total: int
    points: list[tuple[float, int]] = field(default_factory=list)

    def rate(self) -> float:
        """Return arrivals a second between 2 % and 98 % of `total`."""
        first = self._find_point(FIRST_SHARE * self.total)
        last = self._find_point(LAST_SHARE * self.total)
        return (last[1] - first[1]) / max(last[0] - first[0], POLL_SECONDS)

    @property
    def ended_at(self) -> float:
        """When the last arrived, by CLOCK_MONOTONIC."""
        return self._find_point(self.total)[0]

    def _find_point(self, count: float) -> tuple[float, int]:
        return next(point for point in self.points if point[1] >= count)


def follow(
    sink: Sink,
    total: int,
    *,
    crew: Crew,
    limit: float,
    on_poll: Callable[[], object] = lambda: None,
) -> Progress:
    """Watch the sink until `total` arrived; CannotRun when they do not within `limit` seconds."""
    progress = Progress(total=total)

    def poll() -> bool:
        progress.points.append((time.monotonic(), sink.count()))
        on_poll()
        return progress.points[-1][1] >= total

    crew.wait_until(poll, what=f"{total} arrivals at the sink", limit=limit)
    return progress
