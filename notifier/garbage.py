"""What Python's garbage collector is to look at."""

import gc


def spare_loaded() -> None:
    """Leave what is loaded by now out of all later collections: it stays until the process ends.

    To look through it all takes 80 ms, which stop every thread. Children that are forked after
    this share its memory for longer, too.
    """
    gc.collect()
    gc.freeze()
