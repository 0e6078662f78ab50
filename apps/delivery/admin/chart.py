"""The dashboard's chart of the last hours, as numbers for an SVG that needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WIDTH, HEIGHT = 960, 220
LEFT, BOTTOM, TOP = 44, 24, 8
GAP_SHARE = 0.28
LINES = 4
LABELLED_EVERY = 3
# From the axis up; what is neither sent nor failed waits, or was never to be sent.
LAYERS = ("delivered", "sent", "failed", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One coloured part of a bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One hour: where it stands, what it is made of, and what a reader is told of it."""

    hour: datetime
    x: float
    width: float
    label: str
    label_x: float
    layers: list[Layer]
    counts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    width: int
    height: int
    left: int
    axis_y: int
    label_y: int
    lines: list[tuple[float, int]]
    bars: list[Bar]
    is_empty: bool


def draw_chart(hours: Sequence[dict[str, Any]]) -> Chart:
    """Return the bars of these hours, scaled to a round number above the highest."""
    parts = [_split_counts(hour) for hour in hours]
    top = round_up(max((sum(each.values()) for each in parts), default=0))
    room = HEIGHT - BOTTOM - TOP
    slot = (WIDTH - LEFT) / max(1, len(hours))
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        axis_y=HEIGHT - BOTTOM,
        label_y=HEIGHT - 6,
        lines=[_draw_line(place, top, room) for place in range(LINES + 1)],
        bars=[
            _draw_bar(place, hour, part, slot, room / top)
            for place, (hour, part) in enumerate(zip(hours, parts, strict=True))
        ],
        is_empty=not any(sum(each.values()) for each in parts),
    )


def round_up(number: int) -> int:
    """Return the next number that four equal round steps lead to (4, 8, 20, 40, 80, …)."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * LINES >= number:
                return step * factor * LINES
        step *= 10


def _split_counts(hour: dict[str, Any]) -> dict[str, int]:
    """Return the parts of an hour; a receipt may have made the same one sent, then delivered."""
    delivered, sent, failed = hour["delivered"], hour["sent"], hour["failed"]
    other = max(0, hour["accepted"] - sent - failed)
    return {
        "delivered": delivered,
        "sent": max(0, sent - delivered),
        "failed": failed,
        "other": other,
    }


def _draw_line(place: int, top: int, room: int) -> tuple[float, int]:
    return round(HEIGHT - BOTTOM - room * place / LINES, 1), top * place // LINES


def _draw_bar(
    place: int, hour: dict[str, Any], part: dict[str, int], slot: float, scale: float
) -> Bar:
    x = LEFT + slot * (place + GAP_SHARE / 2)
    layers, y = [], float(HEIGHT - BOTTOM)
    for kind in LAYERS:
        height = part[kind] * scale
        y -= height
        if height:
            layers.append(Layer(kind=kind, y=round(y, 2), height=round(height, 2)))
    return Bar(
        hour=hour["hour"],
        x=round(x, 2),
        width=round(slot * (1 - GAP_SHARE), 2),
        label=f"{hour['hour']:%H:%M}" if place % LABELLED_EVERY == 0 else "",
        label_x=round(LEFT + slot * (place + 0.5), 2),
        layers=layers,
        counts=part | {"accepted": hour["accepted"]},
    )
