"""What is promised, by benchmark: ratios inside one run, and the few absolute figures."""

from bench.goals import Figure, Goal

RATE, P50, P95, P99 = "rate", "p50_ms", "p95_ms", "p99_ms"


def _ratio(
    what: str, ours: str, baseline: str, name: str = RATE, *, at_least: float, unit: str = "/s"
) -> Goal:
    return Goal(
        what=what,
        ours=Figure(variant=ours, name=name),
        baseline=Figure(variant=baseline, name=name),
        at_least=at_least,
        unit=unit,
    )


def _not_slower(what: str, ours: str, baseline: str, name: str, *, at_most: float) -> Goal:
    return Goal(
        what=what,
        ours=Figure(variant=ours, name=name),
        baseline=Figure(variant=baseline, name=name),
        at_most=at_most,
        unit="ms",
    )


ACCEPT = (
    _ratio("accept / bare view: 1 INSERT, 1 confirmed publish", "ours", "floor", at_least=1.2),
    _ratio("accept / DRF + ORM + apply_async, defaults", "ours", "naive", at_least=18),
    _ratio("accept / the same, database connection kept", "ours", "naive kept", at_least=9),
    Goal(what="accept, p99", ours=Figure(variant="ours", name=P99), below=25, unit="ms"),
)
BULK = tuple(
    goal
    for n, name in ((1, "1 client"), (2, "2 clients"))
    for goal in (
        _ratio(f"bulk, {name} / COPY of the rows", f"ours {n}", f"COPY {n}", at_least=0.6),
        _ratio(f"bulk, {name} / row by row ORM", f"ours {n}", f"ORM {n}", at_least=100),
    )
)
DELIVERY = (
    _ratio("mail delivery / smtp-source -d -s4", "ours", "smtp-source", at_least=0.65),
    _ratio("mail delivery / django-post_office", "ours", "post_office", at_least=12),
    _ratio("mail delivery / Celery + send_mail tutorial", "ours", "tutorial", at_least=15),
)
PUSH = (
    _ratio("push, 0 ms / send_each", "ours 0 ms", "send_each 0 ms", at_least=5),
    _ratio("push, 50 ms / send_each", "ours 50 ms", "send_each 50 ms", at_least=5),
    Goal(
        what="push, 50 ms, per worker process",
        ours=Figure(variant="ours 50 ms", name="rate_per_worker"),
        at_least=1_000,
    ),
)
WHOLE = (
    Goal(
        what="whole system: delivered when the load stops",
        ours=Figure(variant="ours", name="delivered_percent"),
        at_least=99,
        unit="%",
    ),
    _ratio("whole system, end to end / naive", "ours", "naive", "end_to_end_rate", at_least=20),
    Goal(
        what="memory of web, relay and 2 workers (PSS)",
        ours=Figure(variant="ours", name="memory_mb"),
        below=600,
        unit="MB",
    ),
)
LARGE = (
    Goal(
        what="100,000 by bulk, first POST to last mail",
        ours=Figure(variant="ours"),
        at_least=5_000,
    ),
    Goal(
        what="the same: memory of each process, last / first",
        ours=Figure(variant="ours", name="memory_growth"),
        at_most=1.1,
        unit="x",
    ),
)
LATENCY = (
    Goal(
        what="25 posts/s, POST to DATA, p50",
        ours=Figure(variant="ours", name=P50),
        at_most=6,
        unit="ms",
    ),
    Goal(
        what="25 posts/s, POST to DATA, p99",
        ours=Figure(variant="ours", name=P99),
        at_most=12,
        unit="ms",
    ),
    _not_slower("POST to DATA, p50 / naive", "ours", "naive", P50, at_most=0.3),
    _not_slower("POST to DATA, p99 / naive", "ours", "naive", P99, at_most=0.3),
)
URGENT = (
    Goal(
        what="urgent during a backlog of 100,000, accept to sink, p95",
        ours=Figure(variant="ours", name=P95),
        below=1_000,
        unit="ms",
    ),
)
FAIR = (
    Goal(
        what="two organizations, equal backlogs: the later took longer by",
        ours=Figure(variant="ours", name="difference_percent"),
        at_most=20,
        unit="%",
    ),
)
GROWTH = (
    *(
        _not_slower(f"{step}: 2 million rows / 1,000", "large", "small", f"{step}_ms", at_most=1.1)
        for step in ("accept", "claim", "status")
    ),
    *(
        _not_slower(f"{step}: 2 million rows / 1,000", "large", "small", f"{step}_ms", at_most=4)
        for step in ("relay", "sweep")
    ),
    *(
        Goal(
            what=f"{step} at 2 million rows",
            ours=Figure(variant="large", name=f"{step}_ms"),
            below=2,
            unit="ms",
        )
        for step in ("relay", "sweep")
    ),
)
READS = tuple(
    goal
    for what in ("status", "user", "template")
    for goal in (
        Goal(what=f"{what} read", ours=Figure(variant=what), at_least=2_000),
        Goal(what=f"{what} read, p99", ours=Figure(variant=what, name=P99), below=50, unit="ms"),
    )
)
