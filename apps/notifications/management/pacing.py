"""Working through many ids in groups: not faster than asked, with a bar on a terminal."""

import re
import sys
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

GROUP = 100  # as many as travel in one message; one statement each
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(?:/([smh]))?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600}


def read_rate(text: str | None) -> float | None:
    """Return ids per second from `50/s` (or 50, 600/m, 1000/h), None for as fast as it goes."""
    if text is None:
        return None
    match = _RATE.fullmatch(str(text).strip())
    rate = float(match[1]) / _SECONDS[match[2]] if match else 0
    if not rate:
        raise CommandError(f"--rate: expected a number per second such as 50/s, not {text!r}")
    return rate


def pace(ids: Sequence[UUID], *, rate: float | None, label: str) -> Iterator[Sequence[UUID]]:
    """Yield groups of at most a hundred, on average `rate` ids per second.

    A slow rate makes small groups, so that what is sent again does not come in bursts.
    """
    size = min(GROUP, max(1, int(rate))) if rate else GROUP
    begun_at = time.monotonic()
    with _open_bar() as bar:
        task = bar.add_task(label, total=len(ids))
        for start in range(0, len(ids), size):
            if rate:
                time.sleep(max(0, begun_at + start / rate - time.monotonic()))
            group = ids[start : start + size]
            yield group
            bar.advance(task, len(group))


def _open_bar() -> Progress:
    """The bar goes to stderr: stdout is for the answer."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
