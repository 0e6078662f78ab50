"""The benchmarks themselves: one of them from end to end in miniature, and the wiring of all."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.bench_run import BenchRun
from bench.goals import Figure, Goal, judge
from bench.ground import Ground
from bench.measured import Measured, take_medians
from bench.registry import BENCHMARKS, Benchmark
from bench.report.docs_page import BEGIN, END, write_docs_page
from bench.report.json_file import write_json
from bench.report.table import print_table
from bench.runner import run_benchmark
from bench.sizes import SHORT
from bench.suites.bulk import bulk_copy, bulk_ours
from deploy.local.servers import Postgres, RabbitMQ, Redis

RATIO = Goal(
    what="bulk / COPY",
    ours=Figure(variant="ours"),
    baseline=Figure(variant="COPY"),
    at_least=1_000_000,
)


def test_a_benchmark_runs_judges_and_reports(
    tmp_path: Path, postgres: Postgres, rabbitmq: RabbitMQ, redis: Redis
) -> None:
    ground = Ground(folder=tmp_path, postgres=postgres, rabbitmq=rabbitmq, redis=redis)
    sizes = replace(SHORT, users=4, bulk_requests=1, bulk_rows=20, copy_transactions=2)
    benchmark = Benchmark(
        name="bulk",
        title="In miniature",
        variants={"ours": bulk_ours(1), "COPY": bulk_copy(1)},
        goals=(RATIO,),
    )
    outcome = run_benchmark(benchmark, BenchRun(ground=ground, sizes=sizes), repetitions=1)
    page, file = tmp_path / "performance.md", tmp_path / "figures.json"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_docs_page(page, [outcome], conditions={"sizes": "short"})
    write_json(file, [outcome], conditions={"sizes": "short"})
    print_table(Console(quiet=True), [outcome])
    assert min(each.figures["rate"] for each in outcome.medians.values()) > 0
    assert outcome.medians["ours"].cpu["web"] > 0
    assert [verdict.met for verdict in outcome.verdicts] == [False]
    assert "MISSED" in page.read_text()
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")
    assert json.loads(file.read_text())["benchmarks"][0]["goals"][0]["met"] is False


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda each: each.name)
def test_every_goal_is_about_variants_of_its_benchmark(benchmark: Benchmark) -> None:
    named = {goal.ours.variant for goal in benchmark.goals}
    named |= {goal.baseline.variant for goal in benchmark.goals if goal.baseline}
    assert named <= benchmark.variants.keys()
    assert benchmark.ours in benchmark.variants
    assert benchmark.goals


def test_a_ratio_is_taken_of_the_medians() -> None:
    runs = {"ours": (10.0, 90.0, 30.0), "COPY": (10.0, 1.0, 20.0)}
    medians = {
        name: take_medians([Measured(figures={"rate": rate}) for rate in rates])
        for name, rates in runs.items()
    }
    verdict = judge("bulk", replace(RATIO, at_least=3), medians)
    assert (verdict.ratio, verdict.met, verdict.target) == (3.0, True, "≥ 3 x")
