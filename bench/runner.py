"""Runs benchmarks: every variant once in each round, in another order each time."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.bench_run import BenchRun
from bench.goals import Verdict, judge
from bench.measured import Measured, take_medians
from bench.registry import Benchmark


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One benchmark's runs by variant, their medians, and the verdicts on its goals."""

    benchmark: Benchmark
    runs: dict[str, list[Measured]]
    medians: dict[str, Measured]
    verdicts: tuple[Verdict, ...]


def run_benchmark(benchmark: Benchmark, run: BenchRun, *, repetitions: int) -> Outcome:
    """Run all variants interleaved, so that a slow moment of the machine meets all of them."""
    names = list(benchmark.variants)
    runs: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(repetitions):
        for name in _rotate(names, number):
            measured = benchmark.variants[name](run)
            runs[name].append(measured)
            run.tell(f"{benchmark.name} {number + 1}/{repetitions} {name}: {_describe(measured)}")
    medians = {name: take_medians(each) for name, each in runs.items()}
    verdicts = tuple(judge(benchmark.name, goal, medians) for goal in benchmark.goals)
    return Outcome(benchmark=benchmark, runs=runs, medians=medians, verdicts=verdicts)


def _rotate(names: Sequence[str], number: int) -> list[str]:
    first = number % len(names)
    return [*names[first:], *names[:first]]


def _describe(measured: Measured) -> str:
    return ", ".join(f"{name} {value:,.4g}" for name, value in measured.figures.items())
