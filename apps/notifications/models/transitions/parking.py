"""Workers and operators: what waits for a provider is due as soon as one is well."""

from apps.notifications.models.change import TABLE
from apps.notifications.models.transitions.sweeping import SWEEP_AT_ONCE
from notifier.sql import among_sql, is_postgresql, now_sql, run, skip_locked_sql
from notifier.wakeup import wake_relay

BREAKER_OPEN = "breaker_open"


def release_parked() -> int:
    """Make due what is parked behind an open breaker or wrong settings; return how many.

    No status changes, so there is no event. What is too much for one statement, and what is parked
    while this runs, comes back at its own time.
    """
    parked = (
        f"SELECT id FROM {TABLE} WHERE status = 'pending'"
        f" AND reason IN ('{BREAKER_OPEN}', 'misconfigured')"
        f" AND due_at > {now_sql()} LIMIT {SWEEP_AT_ONCE} {skip_locked_sql()}"
    )
    released = run(
        f"UPDATE {TABLE} AS n SET due_at = {now_sql()} WHERE {among_sql('n.id', parked)}"
        f" RETURNING {'n.id' if is_postgresql() else 'id'}",
        [],
    )
    if released:
        wake_relay()
    return len(released)
