"""A run as pictures: how far each goal is from its target, and the figures of each benchmark."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.goals import Verdict
from bench.report.table import show_number
from bench.runner import Outcome

MET, MISSED, OTHERS, OURS = "#15803d", "#b45309", "#94a3b8", "#2563eb"
MAIN_FIGURES = ("rate", "p50_ms", "p95_ms")


def write_plots(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write `targets.png`, and a picture for each benchmark that compares several variants."""
    folder.mkdir(parents=True, exist_ok=True)
    verdicts = [each for outcome in outcomes for each in outcome.verdicts]
    names = [f"{each.what}  ({each.target})" for each in verdicts]
    shares = [_measure_share(each) for each in verdicts]
    colours = [MET if each.met else MISSED for each in verdicts]
    _draw_bars(
        folder / "targets.png", "Reached of the target (1 = met)", names, shares, colours, mark=1
    )
    for outcome in outcomes:
        if len(outcome.medians) > 1:
            _plot_outcome(folder, outcome)


def _plot_outcome(folder: Path, outcome: Outcome) -> None:
    figures = next(iter(outcome.medians.values())).figures
    shown = next((name for name in MAIN_FIGURES if name in figures), next(iter(figures)))
    values = [measured.figures.get(shown, 0.0) for measured in outcome.medians.values()]
    colours = [OURS if name.startswith("ours") else OTHERS for name in outcome.medians]
    title = f"{outcome.benchmark.title}: {shown.replace('_', ' ')}"
    _draw_bars(
        folder / f"{outcome.benchmark.name}.png", title, [*outcome.medians], values, colours
    )


def _measure_share(verdict: Verdict) -> float:
    """Return how much of its target a goal reached: more than 1 is better, whatever the sign."""
    reached = verdict.ours if verdict.ratio is None else verdict.ratio
    bound = float(verdict.target.split()[1].replace(",", ""))
    share = reached / bound if verdict.target.startswith("≥") else bound / reached
    return share if math.isfinite(share) else 0.0


def _draw_bars(
    path: Path,
    title: str,
    names: Sequence[str],
    values: Sequence[float],
    colours: Sequence[str],
    *,
    mark: float | None = None,
) -> None:
    """Draw horizontal bars on a logarithmic scale, the first on top."""
    figure = Figure(figsize=(9, 1.2 + 0.34 * len(names)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bars = axes.barh(range(len(names)), values, color=colours)
    axes.bar_label(bars, [show_number(value) for value in values], padding=4, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.margins(x=0.15)
    axes.set_title(title, fontsize=10, loc="left")
    if mark is not None:
        axes.axvline(mark, color="#0f172a", linewidth=1)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
