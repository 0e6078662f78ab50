"""Every benchmark by name: what it runs, what it needs, and what is promised."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench import targets
from bench.bench_run import Variant
from bench.goals import Goal
from bench.programs import SMTP_SINK, WRK, ProgramPackage
from bench.suites import (
    accepting,
    bulk,
    delivering,
    fairness,
    growth,
    latency,
    pushing,
    reading,
    whole,
)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Variants that are compared inside one run, and the goals for them."""

    name: str
    title: str
    variants: Mapping[str, Variant]
    goals: tuple[Goal, ...]
    programs: frozenset[ProgramPackage] = frozenset()
    # The variant whose processor time says what limits us.
    ours: str = "ours"


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(
        name="accept",
        title="Single accept, 16 connections, relay running",
        variants={
            "ours": accepting.accept_ours,
            "floor": accepting.accept_floor,
            "naive": accepting.accept_naive,
            "naive kept": accepting.accept_naive_kept,
        },
        goals=targets.ACCEPT,
        programs=frozenset({WRK}),
    ),
    Benchmark(
        name="bulk",
        title="Bulk accept, 1,000 recipients a request",
        variants={
            f"{name} {clients}": build(clients)
            for clients in (1, 2)
            for name, build in (
                ("ours", bulk.bulk_ours),
                ("COPY", bulk.bulk_copy),
                ("ORM", bulk.bulk_orm),
            )
        },
        goals=targets.BULK,
        ours="ours 2",
    ),
    Benchmark(
        name="delivery",
        title="E-mail delivery from a full backlog, 2 worker processes",
        variants={
            "ours": delivering.deliver_ours,
            "smtp-source": delivering.send_from_source,
            "post_office": delivering.deliver_post_office,
            "tutorial": delivering.deliver_tutorial,
        },
        goals=targets.DELIVERY,
        programs=frozenset({SMTP_SINK}),
    ),
    Benchmark(
        name="push",
        title="Push delivery, stand-in with 0 and 50 ms latency, 2 worker processes",
        variants={
            f"{name} {latency_ms} ms": build(latency_ms)
            for latency_ms in (0, 50)
            for name, build in (
                ("ours", pushing.push_ours),
                ("send_each", pushing.push_send_each),
            )
        },
        goals=targets.PUSH,
        ours="ours 0 ms",
    ),
    Benchmark(
        name="whole",
        title="Whole system under 16 connections of single posts",
        variants={"ours": whole.whole_ours, "naive": whole.whole_naive},
        goals=targets.WHOLE,
        programs=frozenset({WRK, SMTP_SINK}),
    ),
    Benchmark(
        name="large",
        title="100,000 notifications by bulk, accept to last mail",
        variants={"ours": delivering.deliver_large},
        goals=targets.LARGE,
        programs=frozenset({SMTP_SINK}),
    ),
    Benchmark(
        name="latency",
        title="Latency at 25 posts a second, POST sent to DATA at the sink",
        variants={"ours": latency.quiet_ours, "naive": latency.quiet_naive},
        goals=targets.LATENCY,
    ),
    Benchmark(
        name="urgent",
        title="Urgent mails during a backlog of 100,000",
        variants={"ours": fairness.urgent_ours},
        goals=targets.URGENT,
    ),
    Benchmark(
        name="fair",
        title="Two organizations with equal backlogs",
        variants={"ours": fairness.fair_ours},
        goals=targets.FAIR,
    ),
    Benchmark(
        name="growth",
        title="A ledger of 2 million notifications against one of 1,000",
        variants={"small": growth.grow_small, "large": growth.grow_large},
        goals=targets.GROWTH,
        ours="large",
    ),
    Benchmark(
        name="reads",
        title="Status look-up, user and template reads, 16 connections",
        variants={what: reading.read_ours(what) for what in ("status", "user", "template")},
        goals=targets.READS,
        programs=frozenset({WRK}),
        ours="status",
    ),
)


def find_benchmarks(names: list[str]) -> list[Benchmark]:
    """Return the named benchmarks, all when none is named; KeyError for an unknown name."""
    known = {each.name: each for each in BENCHMARKS}
    return [known[name] for name in names] if names else list(BENCHMARKS)
