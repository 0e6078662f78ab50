"""How many notifications a worker claims at a time: as many as it sends in a moment.

What is claimed when a worker dies is in doubt; what is not claimed yet goes to another worker at
once. So a slow provider means small claims, and a fast one large claims that cost little each.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from notifier.topology import MAX_IDS_PER_MESSAGE

PART_SECONDS = 0.05
# Growth from one part to the next: one quick answer says little about the next hundred.
MAX_GROWTH = 4
_pace = threading.local()  # each thread sends over connections of its own


def split_by_pace(
    ids: Sequence[UUID], *, seconds: float, at_once: int = 1
) -> Iterator[Sequence[UUID]]:
    """Yield `ids` in parts, each about as long as PART_SECONDS by the pace of the parts before.

    A part is no smaller than what is sent `at_once`: it takes no longer than one of them.
    Stops when `seconds` are over: no task runs on and on behind a slow provider, and a worker
    that is told to stop is soon done. What was not yielded is the caller's to give back.
    """
    begun_at = time.monotonic()
    done = 0
    while done < len(ids) and (done == 0 or time.monotonic() - begun_at < seconds):
        size = max(at_once, int(getattr(_pace, "size", 1)))
        part_begun_at = time.monotonic()
        part = ids[done : done + size]
        yield part
        done += len(part)
        _adapt(len(part), time.monotonic() - part_begun_at)


def _adapt(sent: int, elapsed: float) -> None:
    fitting = sent * PART_SECONDS / max(elapsed, 1e-6)
    _pace.size = max(1, min(fitting, sent * MAX_GROWTH, MAX_IDS_PER_MESSAGE))
