"""A run as JSON: everything that was measured, for comparisons and plots."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.runner import Outcome


def write_json(path: Path, outcomes: Sequence[Outcome], *, conditions: Mapping[str, str]) -> None:
    """Write conditions, goals and every single run; infinity, which JSON has not, as null."""
    whole = {
        "conditions": dict(conditions),
        "benchmarks": [_describe_outcome(outcome) for outcome in outcomes],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_make_finite(whole), indent=1) + "\n")


def _describe_outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.benchmark.name,
        "title": outcome.benchmark.title,
        "goals": [dataclasses.asdict(verdict) for verdict in outcome.verdicts],
        "medians": {name: dataclasses.asdict(each) for name, each in outcome.medians.items()},
        "runs": {
            name: [dataclasses.asdict(each) for each in runs]
            for name, runs in outcome.runs.items()
        },
    }


def _make_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _make_finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_make_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
