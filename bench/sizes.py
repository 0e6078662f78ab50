"""How much each benchmark does: enough to mean something, or just enough to work."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers of notifications, and seconds."""

    warm_up_seconds: float = 2
    window_seconds: float = 4
    users: int = 1_000
    bulk_requests: int = 20
    bulk_rows: int = 1_000
    orm_requests: int = 2
    copy_transactions: int = 60
    mails: int = 30_000
    slow_mails: int = 4_000
    source_mails: int = 60_000
    pushes: int = 10_000
    slow_pushes: int = 3_000
    whole_seconds: float = 8
    large_backlog: int = 100_000
    fair_backlog: int = 20_000
    urgent: int = 40
    steady_posts: int = 120
    grown_rows: int = 2_000_000
    probe_turns: int = 300
    patience_seconds: float = 400  # until what is under way counts as lost


FULL = Sizes()
SHORT = Sizes(
    warm_up_seconds=2,
    window_seconds=3,
    users=20,
    bulk_requests=2,
    bulk_rows=100,
    orm_requests=1,
    copy_transactions=4,
    mails=100,
    slow_mails=50,
    source_mails=1_000,
    pushes=40,
    slow_pushes=40,
    whole_seconds=2,
    large_backlog=100,
    fair_backlog=50,
    urgent=5,
    steady_posts=15,
    grown_rows=5_000,
    probe_turns=20,
    patience_seconds=90,
)
