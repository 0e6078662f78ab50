"""A Celery app whose worker dies at each point of a send that it is told.

DEATH_NOTES names the folder with the orders (see `death_notes`).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery.signals import celeryd_after_setup

from config.celery import app
from tests.faults.death_notes import POINTS, die_if_told

__all__ = ["app"]


@celeryd_after_setup.connect
def _place_points(**_: Any) -> None:
    """Before the children are forked; Django is set up by now."""
    from apps.delivery.services import delivering, leases, outlets, recording

    _surround(leases, "claim", before=POINTS[0], after=POINTS[1])
    _surround(outlets.Outlet, "send", before=POINTS[2], after=POINTS[3])
    _surround(recording, "record_outcomes", before=POINTS[4], after=POINTS[5])
    _surround(delivering, "_announce", after=POINTS[6])


def _surround(owner: Any, name: str, *, before: str = "never", after: str) -> None:
    """Put points of death around a function, as those call it who find it in `owner`."""
    act: Callable[..., Any] = getattr(owner, name)
    notes = Path(os.environ["DEATH_NOTES"])

    def run(*args: Any, **kwargs: Any) -> Any:
        die_if_told(notes / before)
        result = act(*args, **kwargs)
        die_if_told(notes / after)
        return result

    setattr(owner, name, run)
