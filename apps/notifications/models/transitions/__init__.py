"""How a notification moves from accept to its end: accept, relay, workers and sweep.

Each transition is one conditional UPDATE; conditions make it safe to repeat: what another process
has already moved on is simply not returned.
"""

from apps.notifications.models.transitions.bulk_publishing import insert_batch
from apps.notifications.models.transitions.claiming import (
    Claims,
    claim,
    release_claims,
    renew_claims,
)
from apps.notifications.models.transitions.parking import BREAKER_OPEN, release_parked
from apps.notifications.models.transitions.publishing import insert_accepted, return_unpublished
from apps.notifications.models.transitions.recording import Outcome, record_outcomes
from apps.notifications.models.transitions.sweeping import (
    MAX_DOUBTS,
    expire_overdue,
    recover_in_doubt,
    recover_unclaimed,
)
from apps.notifications.models.transitions.taking import (
    DueNotification,
    take_due,
)

__all__ = [
    "BREAKER_OPEN",
    "MAX_DOUBTS",
    "Claims",
    "DueNotification",
    "Outcome",
    "claim",
    "expire_overdue",
    "insert_accepted",
    "insert_batch",
    "record_outcomes",
    "recover_in_doubt",
    "recover_unclaimed",
    "release_claims",
    "release_parked",
    "renew_claims",
    "return_unpublished",
    "take_due",
]
