"""How much may wait in the broker: what the workers take in a moment, and no more.

Behind a slow provider a long queue would make the most urgent notification wait for everything in
it; behind a fast one a short queue would leave the workers idle.
"""

import math
from collections import deque
from typing import Final

MOMENT_SECONDS: Final = 0.25
FIRST_SIZE: Final = 8
PARTS: Final = 4
LEAST: Final = 1
# Workers that had nothing left at some time in a moment may want more than they got.
GROWTH: Final = 1.5
MAX_REMEMBERED: Final = 10_000  # messages; a queue holds no more


class Window:
    """The notifications that may wait in one queue; grows and shrinks with the workers' pace.

    Knows only what this relay published. Of several relays each sees the other's messages as if
    they were its own: together they keep the queue a little shorter than one would.
    """

    def __init__(self) -> None:
        self._size = float(FIRST_SIZE)
        self._sizes: deque[int] = deque(maxlen=MAX_REMEMBERED)  # of messages, the newest last
        self._published = 0
        self._moment_began_at: float | None = None
        self._taken_before = 0
        self._ran_dry = False

    @property
    def part(self) -> int:
        """The notifications that are a message's worth: the workers take them in a blink."""
        return max(LEAST, int(self._size / PARTS))

    def note(self, count: int) -> None:
        """A message with so many notifications was published."""
        self._sizes.append(count)
        self._published += count

    def find_room(self, *, waiting: int, most: int, now: float) -> int:
        """Return how many notifications may be published, `waiting` messages being there.

        `most` bounds the window; `now` is in seconds of a clock that only goes forward.
        """
        left = self._forget_taken(waiting)
        self._adapt(left, taken=self._published - left, now=now)
        self._size = min(self._size, most)
        return max(0, math.ceil(self._size) - left)

    def _forget_taken(self, waiting: int) -> int:
        while len(self._sizes) > waiting:
            self._sizes.popleft()
        return sum(self._sizes)

    def _adapt(self, left: int, *, taken: int, now: float) -> None:
        self._ran_dry = self._ran_dry or left == 0
        if self._moment_began_at is None:
            self._moment_began_at = now
        elapsed = now - self._moment_began_at
        if elapsed < MOMENT_SECONDS:
            return
        pace = (taken - self._taken_before) * MOMENT_SECONDS / elapsed
        if pace or left:  # else there was nothing to learn from
            # Not below half at a time: a moment's stillness says little.
            wanted = pace * GROWTH if self._ran_dry else max(pace, self._size / 2)
            self._size = max(LEAST, wanted)
        self._moment_began_at, self._taken_before, self._ran_dry = now, taken, False
