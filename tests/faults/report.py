"""What a run found: one aligned table, JSON, and the page of the documentation."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

COLUMNS = (
    ("row", "row"),
    ("title", "fault"),
    ("accepted", "accepted"),
    ("delivered", "delivered"),
    ("lost", "lost"),
    ("doubled", "doubled"),
    ("in_doubt", "in doubt"),
    ("doubled_in_doubt", "repeated in doubt"),
    ("recovered", "back s"),
    ("settled", "settled s"),
    ("p99_ms", "p99 ms"),
    ("verdict", "verdict"),
)


@dataclass(kw_only=True)
class Result:
    """One row's figures.

    `recovered`: seconds from the service's return until a fresh notification is with its provider;
    `settled`: until everything is final; `p99_ms`: of accepted posts that began during the fault.
    """

    row: str
    title: str
    accepted: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    in_doubt: int = 0
    doubled_in_doubt: int = 0
    recovered: float | None = None
    settled: float | None = None
    p99_ms: float | None = None
    seconds: float = 0
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return "FAIL" if self.problems else "pass"


def describe_result(result: Result) -> dict[str, Any]:
    return {**asdict(result), "verdict": result.verdict}


def format_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return an aligned table with the problems of each failed row below it."""
    lines = [[title for _, title in COLUMNS]]
    lines += [[_show(result[name]) for name, _ in COLUMNS] for result in results]
    widths = [max(len(line[n]) for line in lines) for n in range(len(COLUMNS))]
    text = ["  ".join(_align(cell, width) for cell, width in _zip(line, widths)) for line in lines]
    text += [f"row {each['row']}: {problem}" for each in results for problem in each["problems"]]
    return "\n".join(line.rstrip() for line in text)


def write_page(run: Mapping[str, Any], path: Path) -> None:
    """Write the documentation page of a full run."""
    lines = [
        "# Reliability: what a run of the fault suite found",
        "",
        "Written by `python -m tests.faults --write-docs docs/reliability.md`; `make faults` runs",
        "it. Every row is a real fault on real servers, under traffic from clients that repeat a",
        "post with the same `request_id` until it is accepted. Afterwards three ledgers are",
        "compared: the ids that clients were promised, the logs of the provider stand-ins, and",
        "the database.",
        "",
        "- **lost**: accepted, and neither with the provider nor in a final state with a reason",
        "- **doubled**: taken more than once by the provider without being marked *in doubt*",
        "- **in doubt**: marked so, because a worker died or a connection broke after a provider",
        "  call had begun; **repeated in doubt**: those that the provider did take twice",
        "- **back**: seconds from the service's return until a fresh notification is delivered;",
        "  **settled**: until everything accepted is final",
        "- **p99**: of accepted posts that began during the fault",
        "",
        f"{run['date']}, seed {run['seed']}, {run['machine']}; {run['versions']}.",
        "",
        _row_of([title for _, title in COLUMNS]),
        _row_of(["---"] * len(COLUMNS)),
        *(_row_of([_show(each[name]) for name, _ in COLUMNS]) for each in run["results"]),
        "",
        *_list_notes(run["results"]),
    ]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def write_json(run: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(run, indent=1, default=str) + "\n", encoding="utf-8")


def describe_machine(cores: int) -> str:
    return f"{cores} cores, {platform.system()} {platform.machine()}, Python " + (
        platform.python_version()
    )


def _list_notes(results: Sequence[Mapping[str, Any]]) -> list[str]:
    notes = [f"- row {each['row']}: {p}" for each in results for p in each["problems"]]
    facts = [
        f"- row {each['row']}: " + ", ".join(f"{k} {v}" for k, v in each["facts"].items())
        for each in results
        if each["facts"]
    ]
    return [
        *(["## Not as promised", "", *notes, ""] if notes else []),
        *(["## Measured besides", "", *facts] if facts else []),
    ]


def _row_of(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _show(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _zip(line: Sequence[str], widths: Sequence[int]) -> list[tuple[str, int]]:
    return list(zip(line, widths, strict=True))


def _align(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.replace(".", "").isdecimal() else cell.ljust(width)
