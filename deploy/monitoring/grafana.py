"""Grafana's model: dashboards of panels of curves, and the JSON that Grafana imports."""

from dataclasses import dataclass
from typing import Any

COLUMNS = 24  # of Grafana's grid
WIDTH, HEIGHT = 8, 8
SOURCE = {"type": "prometheus", "uid": "${source}"}
SOURCE_CHOICE = {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}


@dataclass(frozen=True)
class Curve:
    """One PromQL expression and how its lines are called."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """A graph, or with `is_number` the newest value in large digits."""

    title: str
    meaning: str
    unit: str  # of Grafana's list: s, short, reqps, percentunit, …
    curves: tuple[Curve, ...]
    is_number: bool = False


@dataclass(frozen=True)
class Dashboard:
    """One page; `uid` is also the name of its file."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


def build_dashboard(dashboard: Dashboard) -> dict[str, Any]:
    """Return Grafana's JSON model, for importing or for provisioning from a folder."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["notifier"],
        "schemaVersion": 39,  # Grafana 11's; newer versions bring it up to date themselves
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [SOURCE_CHOICE]},
        "panels": [_build_panel(panel, at) for at, panel in enumerate(dashboard.panels)],
    }


def _build_panel(panel: Panel, at: int) -> dict[str, Any]:
    row, column = divmod(at, COLUMNS // WIDTH)
    return {
        "id": at + 1,
        "type": "stat" if panel.is_number else "timeseries",
        "title": panel.title,
        "description": panel.meaning,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [_build_target(curve, at) for at, curve in enumerate(panel.curves)],
    }


def _build_target(curve: Curve, at: int) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + at),
        "datasource": SOURCE,
        "expr": curve.expression,
        "legendFormat": curve.legend,
    }
