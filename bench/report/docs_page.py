"""Writes the figures of a run into the page of the docs, between its two marks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.report.limits import describe_limit
from bench.report.machine import count_cores
from bench.report.table import show_number, summarise, write_markdown_table
from bench.runner import Outcome
from deploy.local.errors import CannotRun

BEGIN = "<!-- figures: written by `python -m bench --write-docs` -->"
END = "<!-- end of figures -->"


def write_docs_page(
    path: Path, outcomes: Sequence[Outcome], *, conditions: Mapping[str, str]
) -> None:
    """Replace what stands between the marks; CannotRun for a page that has none."""
    text = path.read_text() if path.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise CannotRun(f"{path} does not have the lines {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n{_write_figures(outcomes, conditions)}\n{END}{after}")


def _write_figures(outcomes: Sequence[Outcome], conditions: Mapping[str, str]) -> str:
    where = ", ".join(f"{name} {value}" for name, value in conditions.items())
    sections = [f"Measured on: {where}. {summarise(outcomes)}.", write_markdown_table(outcomes)]
    return "\n\n".join([*sections, *map(_write_section, outcomes)])


def _write_section(outcome: Outcome) -> str:
    lines = [f"### {outcome.benchmark.title} (`{outcome.benchmark.name}`)", ""]
    for name, measured in outcome.medians.items():
        figures = ", ".join(
            f"{figure} {show_number(value)}" for figure, value in measured.figures.items()
        )
        lines.append(f"- {name}: {figures}")
    if limit := describe_limit(outcome, cores=count_cores()):
        lines += ["", f"Processor time while ours was measured: {limit}."]
    return "\n".join(lines)
