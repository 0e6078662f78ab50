"""A goal, and the verdict on it once there are figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.measured import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Which figure of which variant."""

    variant: str
    name: str = "rate"

    def read(self, medians: Mapping[str, Measured]) -> float:
        return medians[self.variant].figures[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is promised: `ours` itself, or its ratio to `baseline`, within a bound.

    Exactly one of `at_least` and `at_most` (or `below`, which excludes the bound) is given.
    """

    what: str
    ours: Figure
    baseline: Figure | None = None
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    unit: str = "/s"

    def describe_target(self) -> str:
        unit = "x" if self.baseline else self.unit
        for sign, bound in (("≥", self.at_least), ("≤", self.at_most), ("<", self.below)):
            if bound is not None:
                return f"{sign} {bound:,g} {unit}".strip()
        return "-"

    def is_met_by(self, value: float) -> bool:
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One line of the table."""

    benchmark: str
    what: str
    unit: str
    ours: float
    baseline: float | None
    ratio: float | None
    target: str
    met: bool


def judge(benchmark: str, goal: Goal, medians: Mapping[str, Measured]) -> Verdict:
    """Hold the medians of one benchmark against one of its goals."""
    ours = goal.ours.read(medians)
    baseline = goal.baseline.read(medians) if goal.baseline else None
    ratio = _divide(ours, baseline)
    return Verdict(
        benchmark=benchmark,
        what=goal.what,
        unit=goal.unit,
        ours=ours,
        baseline=baseline,
        ratio=ratio,
        target=goal.describe_target(),
        met=goal.is_met_by(ours if ratio is None else ratio),
    )


def _divide(ours: float, baseline: float | None) -> float | None:
    if baseline is None:
        return None
    return ours / baseline if baseline else float("inf")
