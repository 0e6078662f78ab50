"""Orders to die at a named point of a send: a file in a folder, obeyed by `dying_worker`."""

import os
import signal
from pathlib import Path
from typing import Final, Literal

POINTS: Final = (
    "before claim",
    "after claim",
    "before provider call",
    "after provider call",
    "before commit",
    "after commit",
    "before ack",
)


def order_death(notes: Path, point: str, *, whom: Literal["child", "worker"]) -> Path:
    """Write an order and return its file, which is gone once it was obeyed."""
    draft = notes / f"{point}.draft"
    draft.write_text(whom)
    return draft.rename(notes / point)


def die_if_told(order: Path) -> None:
    """Kill this child, or the whole worker; whoever comes first takes the order with it."""
    try:
        whom = order.read_text()
        order.unlink()
    except FileNotFoundError:  # nobody told us, or another child was faster
        return
    if whom == "worker":
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
