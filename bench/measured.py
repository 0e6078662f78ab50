"""What a variant of a benchmark yields, and the medians over its repetitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of one variant.

    `figures` are named by what they are (`rate` is a number a second, `p99_ms` milliseconds);
    `cpu` is percent of one core by process, over the window that was measured.
    """

    figures: Mapping[str, float]
    cpu: Mapping[str, float] = field(default_factory=dict)


def take_medians(runs: Sequence[Measured]) -> Measured:
    """Return the median of each figure and each process over `runs`, which are never empty."""
    return Measured(
        figures=_medians_by_name([run.figures for run in runs]),
        cpu=_medians_by_name([run.cpu for run in runs]),
    )


def _medians_by_name(maps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in maps for name in each)
    return {name: median(each.get(name, 0.0) for each in maps) for name in names}


def find_percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of `values` do not exceed; infinity for none."""
    if not values:
        return float("inf")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
