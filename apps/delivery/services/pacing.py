"""How many notifications a worker claims at a time, and how many of them it sends side by side.

What is claimed when a worker dies is in doubt; what is not claimed yet goes to another worker at
once. So a slow provider means small claims, and a fast one large claims that cost little each.

One after the other costs least where the provider is quick; where it lets the worker wait, several
at a time are sent in the same time as one.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from notifier.topology import MAX_IDS_PER_MESSAGE

PART_SECONDS = 0.05
# Growth from one part to the next: one quick answer says little about the next hundred.
MAX_GROWTH = 4
# So long takes a call to another machine; one within this machine is much quicker.
SLOW_SECONDS = 0.005
LOOK_AGAIN_SECONDS = 10.0
_pace = threading.local()  # each thread sends over connections of its own


def split_by_pace(
    ids: Sequence[UUID], *, seconds: float, at_once: int = 1, when_slow: int = 1
) -> Iterator[tuple[Sequence[UUID], int]]:
    """Yield `ids` in parts, and how many of each to send side by side.

    That is `at_once`, or `when_slow` where calls one after the other took long (`note_turn`). A
    part takes about PART_SECONDS by the pace of the parts before, and is no smaller than what is
    sent side by side: it takes no longer than one of them.
    Stops when `seconds` are over: no task runs on and on behind a slow provider, and a worker
    that is told to stop is soon done. What was not yielded is the caller's to give back.
    """
    begun_at = time.monotonic()
    done = 0
    while done < len(ids) and (done == 0 or time.monotonic() - begun_at < seconds):
        width = max(at_once, when_slow) if _is_slow() else at_once
        size = max(width, _choose_size(width))
        part_begun_at = time.monotonic()
        part = ids[done : done + size]
        yield part, width
        done += len(part)
        _adapt(len(part), time.monotonic() - part_begun_at)


def note_turn(seconds: float) -> None:
    """Remember how long the provider took for a call that was made in turn."""
    _pace.turns = (_list_turns()[-1], seconds)
    _pace.turned_at = time.monotonic()


def _list_turns() -> tuple[float, float]:
    turns: tuple[float, float] = getattr(_pace, "turns", (0.0, 0.0))
    return turns


def _is_slow() -> bool:
    """One call may have had to connect first. And not for ever: what is quick is found in turn."""
    is_known = time.monotonic() - getattr(_pace, "turned_at", float("-inf")) < LOOK_AGAIN_SECONDS
    return is_known and min(_list_turns()) >= SLOW_SECONDS


def _choose_size(width: int) -> int:
    """Return what fits by the pace of the part before, which may have been sent side by side."""
    before, _pace.width = getattr(_pace, "width", width), width
    return int(getattr(_pace, "size", 1) * min(1, width / before))


def _adapt(sent: int, elapsed: float) -> None:
    fitting = sent * PART_SECONDS / max(elapsed, 1e-6)
    _pace.size = max(1, min(fitting, sent * MAX_GROWTH, MAX_IDS_PER_MESSAGE))
