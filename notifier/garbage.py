"""What Python's garbage collector is to look at, and how often."""

import gc
from typing import Final

# Objects that hold others; Python's 700 are made by a single request.
YOUNG: Final = 10_000


def spare_loaded() -> None:
    """Leave what is loaded by now out of all later collections: it stays until the process ends.

    To look through it all takes 80 ms, which stop every thread. Children that are forked after
    this share its memory for longer, too. What is made after this is looked at less often: nearly
    all of it is gone by itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
