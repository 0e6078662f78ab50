"""The sweep: rows that nobody answers for any more."""

from apps.notifications.models.change import TABLE, apply_change
from apps.notifications.models.measuring import COUNTED, measure_doubts, measure_outcomes
from notifier.sql import among_sql, asked_at_sql, now_sql, skip_locked_sql

# How many rows one statement of the sweep takes: the next one, seconds later, takes the next.
SWEEP_AT_ONCE = 5000
# A notification that takes its worker down must not do so for ever (spec section 4: six tries).
MAX_DOUBTS = 5


def recover_unclaimed(*, at_once: bool = False) -> int:
    """Move queued → pending where no worker claimed the message in time (lost, purged, expired).

    `at_once` does not wait: for a broker that lived in a process which is gone.
    """
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = 'not_claimed', lease_until = NULL"
        f" WHERE {among_sql('n.id', _overdue('queued', at_once=at_once))}"
    )
    return len(apply_change(update, [], wakes=True))


def recover_in_doubt(*, at_once: bool = False) -> int:
    """Move sending → pending or failed where the worker died.

    Nobody knows whether the provider took it. Sent again with the same Message-ID, unless the
    notification says at most once, or has been in doubt too often.
    """
    gives_up = f"(n.delivery_guarantee = 'at_most_once' OR n.doubts >= {MAX_DOUBTS})"
    update = (
        f"UPDATE {TABLE} AS n SET reason = 'in_doubt', error_code = 'in_doubt',"
        " error = 'the worker was lost while it held this notification; the provider may have"
        " taken it', doubts = n.doubts + 1, lease_until = NULL,"
        f" status = CASE WHEN {gives_up} THEN 'failed' ELSE 'pending' END,"
        f" finished_at = CASE WHEN {gives_up} THEN {now_sql()} END,"
        f" due_at = {now_sql()}, dead_lettered_at = NULL"
        f" WHERE {among_sql('n.id', _overdue('sending', at_once=at_once))}"
    )
    return len(measure_doubts(apply_change(update, [], returning=COUNTED, wakes=True)))


def expire_overdue() -> int:
    """Move pending → expired: `expires_at` has passed."""
    overdue = (
        f"SELECT id FROM {TABLE} WHERE status = 'pending' AND expires_at <= {asked_at_sql()}"
        f" LIMIT {SWEEP_AT_ONCE} {skip_locked_sql()}"
    )
    update = (
        f"UPDATE {TABLE} AS n SET status = 'expired', reason = 'expires_at_passed',"
        f" finished_at = {now_sql()} WHERE {among_sql('n.id', overdue)}"
    )
    return len(measure_outcomes(apply_change(update, [], returning=COUNTED)))


def _overdue(status: str, *, at_once: bool) -> str:
    """Rows in flight that nobody answers for; a row that is locked elsewhere is left for later."""
    condition = "" if at_once else f"AND lease_until < {asked_at_sql()}"
    limit = "" if at_once else f"LIMIT {SWEEP_AT_ONCE}"
    return (
        f"SELECT id FROM {TABLE} WHERE status = '{status}' {condition} {limit} {skip_locked_sql()}"
    )
