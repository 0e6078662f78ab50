"""When the provider call at hand has to be over: every socket under it keeps to this."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float] = ContextVar("provider_call_ends_at", default=math.inf)


@contextmanager
def end_within(seconds: float) -> Iterator[None]:
    """Bound what happens inside, this thread alone; an outer and earlier end stays."""
    yield from _set_end(time.monotonic() + seconds)


@contextmanager
def end_earlier(seconds: float) -> Iterator[None]:
    """Keep the last `seconds` of the time that is left for what comes after."""
    yield from _set_end(_ends_at.get() - seconds)


def seconds_left() -> float:
    """More than 0, and infinite outside of any bound. Raises TimeoutError when time is up."""
    left = _ends_at.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call's time is up")
    return left


def _set_end(moment: float) -> Iterator[None]:
    before = _ends_at.set(min(_ends_at.get(), moment))
    try:
        yield
    finally:
        _ends_at.reset(before)
