"""The table of a run, for a terminal and for the docs."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.goals import Verdict
from bench.report.limits import describe_limit
from bench.report.machine import count_cores
from bench.runner import Outcome

HEADINGS = ("benchmark", "what", "ours", "baseline", "ratio", "target", "met")


def list_cells(verdict: Verdict) -> tuple[str, ...]:
    """Return one line of the table as texts."""
    return (
        verdict.benchmark,
        verdict.what,
        f"{show_number(verdict.ours)} {verdict.unit}",
        "-" if verdict.baseline is None else f"{show_number(verdict.baseline)} {verdict.unit}",
        "-" if verdict.ratio is None else show_number(verdict.ratio),
        verdict.target,
        "yes" if verdict.met else "MISSED",
    )


def show_number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print every goal with its verdict, and below what limited us."""
    table = Table(*HEADINGS)
    for verdict in _list_verdicts(outcomes):
        table.add_row(*list_cells(verdict), style=None if verdict.met else "bold red")
    console.print(table)
    for outcome in outcomes:
        if limit := describe_limit(outcome, cores=count_cores()):
            console.print(f"{outcome.benchmark.name}: {limit}", highlight=False)
    console.print(summarise(outcomes), highlight=False)


def summarise(outcomes: Sequence[Outcome]) -> str:
    verdicts = _list_verdicts(outcomes)
    met = sum(verdict.met for verdict in verdicts)
    return f"{met} of {len(verdicts)} targets met, {len(verdicts) - met} missed"


def write_markdown_table(outcomes: Sequence[Outcome]) -> str:
    lines = [f"| {' | '.join(HEADINGS)} |", "|" + " --- |" * len(HEADINGS)]
    lines += [f"| {' | '.join(list_cells(each))} |" for each in _list_verdicts(outcomes)]
    return "\n".join(lines)


def _list_verdicts(outcomes: Sequence[Outcome]) -> list[Verdict]:
    return [verdict for outcome in outcomes for verdict in outcome.verdicts]
