"""Faults of our own infrastructure, as everybody who must survive them names them."""

from typing import Any, Final

from django.db import InterfaceError, InternalError, OperationalError

# InternalError is what a primary that became read-only (a failover) answers to a write.
DATABASE_AWAY: Final = (OperationalError, InterfaceError, InternalError)

# How a task treats them: a few short waits, then `failed.queue`; the rows stay as they are, and
# the sweep puts them back.
RETRY_WHILE_AWAY: Final[dict[str, Any]] = {
    "autoretry_for": DATABASE_AWAY,
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "max_retries": 5,
}
