"""`python -m bench`: runs benchmarks on private servers and tells which targets are met."""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path

import psycopg
from rich.console import Console

from bench.bench_run import BenchRun
from bench.crew import PROJECT
from bench.ground import Ground
from bench.programs import require_programs
from bench.registry import BENCHMARKS, Benchmark, find_benchmarks
from bench.report.docs_page import write_docs_page
from bench.report.json_file import write_json
from bench.report.machine import describe_machine, is_busy
from bench.report.table import print_table
from bench.runner import Outcome, run_benchmark
from bench.sizes import FULL, SHORT
from deploy.local.errors import CannotRun

ENOUGH_REPETITIONS = 3
FILE_COLUMNS = 150


def main() -> int:
    arguments = build_parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the servers would stay behind
    console = Console(width=None if sys.stdout.isatty() else FILE_COLUMNS)
    try:
        chosen = find_benchmarks(arguments.only or [])
        outcomes, failures = run_all(chosen, arguments, console)
        conditions = describe_conditions(arguments)
        print_table(console, outcomes)
        if arguments.plots:
            from bench.report.plots import write_plots  # needs matplotlib

            write_plots(arguments.plots, outcomes)
        if arguments.json:
            write_json(arguments.json, outcomes, conditions=conditions)
        if arguments.write_docs:
            write_docs_page(arguments.write_docs, outcomes, conditions=conditions)
    except CannotRun as error:
        console.print(f"bench: {error}", style="red", highlight=False, markup=False)
        return 1
    missed = any(not verdict.met for outcome in outcomes for verdict in outcome.verdicts)
    return 1 if failures or (arguments.strict and missed) else 0


def build_parser() -> argparse.ArgumentParser:
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"this benchmark alone; may be repeated: {', '.join(names)}",
    )
    parser.add_argument(
        "--short", action="store_true", help="tiny sizes: shows that it works, proves nothing"
    )
    parser.add_argument("--reps", type=int, help="repetitions [3, or 1 with --short]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw what was measured")
    parser.add_argument(
        "--write-docs", type=Path, metavar="FILE", help="write the figures into this page"
    )
    parser.add_argument(
        "--profile", action="store_true", help="py-spy of our processes, into var/bench-profiles"
    )
    parser.add_argument("--strict", action="store_true", help="fail when a target is missed")
    parser.add_argument("--folder", type=Path, help="where servers keep their data [temporary]")
    return parser


def run_all(
    chosen: list[Benchmark], arguments: argparse.Namespace, console: Console
) -> tuple[list[Outcome], int]:
    """Run the chosen benchmarks and return their outcomes and how many broke.

    One that breaks says so and stops none of the others.
    """
    require_programs(frozenset().union(*(each.programs for each in chosen)))
    with open_run(arguments, console) as run:
        tried = [try_benchmark(each, run, repetitions=repeat(arguments)) for each in chosen]
    outcomes = [outcome for outcome in tried if outcome is not None]
    return outcomes, len(tried) - len(outcomes)


def try_benchmark(benchmark: Benchmark, run: BenchRun, *, repetitions: int) -> Outcome | None:
    try:
        return run_benchmark(benchmark, run, repetitions=repetitions)
    except (CannotRun, OSError, HTTPException, psycopg.Error) as error:
        run.tell(f"{benchmark.name} BROKE: {type(error).__name__}: {error}")
        return None


@contextlib.contextmanager
def open_run(arguments: argparse.Namespace, console: Console) -> Iterator[BenchRun]:
    """Yield a run with its servers started; they are ended and emptied afterwards."""
    with tempfile.TemporaryDirectory(prefix="notifier-bench-") as temporary:
        run = build_run(arguments, arguments.folder or Path(temporary), console)
        if is_busy():
            run.tell("something else is busy on this machine: the figures will say little")
        try:
            run.ground.start()
            yield run
        finally:
            run.ground.clear()


def build_run(arguments: argparse.Namespace, folder: Path, console: Console) -> BenchRun:
    return BenchRun(
        ground=Ground.lay(folder),
        sizes=SHORT if arguments.short else FULL,
        profiles=PROJECT / "var" / "bench-profiles" if arguments.profile else None,
        tell=lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
    )


def repeat(arguments: argparse.Namespace) -> int:
    """Return how often each variant runs: what was asked for, else enough for a median."""
    return arguments.reps or (1 if arguments.short else ENOUGH_REPETITIONS)


def describe_conditions(arguments: argparse.Namespace) -> Mapping[str, str]:
    git = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(git, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603  # constant
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "revision": done.stdout.strip() or "unknown",
        "sizes": "short (proves nothing)" if arguments.short else "full",
        "repetitions": str(repeat(arguments)),
        **describe_machine(),
    }


if __name__ == "__main__":
    sys.exit(main())
