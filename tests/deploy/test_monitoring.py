"""Rules and dashboards speak of metrics that exist, and the alerts come when they should."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.roles import MEASURED
from deploy.monitoring.dashboards import DASHBOARDS, FOLDER, write_dashboards
from deploy.monitoring.metrics import METRICS, SYNTHETIC, TARGET_LABELS, list_series
from tests.deploy.tools import PROJECT, find_promtool, run_program

MONITORING = FOLDER.parent
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
CURVES = [curve.expression for each in DASHBOARDS for one in each.panels for curve in one.curves]
EXPRESSIONS = [*(alert["expr"] for alert in ALERTS), *CURVES]
SERIES = re.compile(r"\b(?:notifier_\w+|up)\b")
# A label stands in by (…), or before an operator in {…}.
LABELS = re.compile(r"(?:by|on) \(([^)]*)\)|(\w+)\s*(?:=~|!~|!=|=)\s*\"")


def find_series(expression: str) -> set[str]:
    return set(SERIES.findall(re.sub(r'"[^"]*"', '""', expression)))


def find_labels(expression: str) -> set[str]:
    found = [word for pair in LABELS.findall(expression) for word in ", ".join(pair).split(",")]
    return {word.strip() for word in found} - {""}


def test_promtool_accepts_the_scrape_configurations() -> None:
    files = [MONITORING / name for name in ("prometheus.yml", "prometheus-kubernetes.yml")]
    run_program(find_promtool(), "check", "config", "--syntax-only", *files)


def test_prometheus_reads_every_role_that_has_metrics_with_compose() -> None:
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
    port = int(services["relay"]["environment"]["METRICS_LISTEN"].rpartition(":")[2])
    jobs = {each["job_name"]: each for each in _read_jobs("prometheus.yml")}
    [roles] = jobs["notifier-roles"]["dns_sd_configs"]
    assert {name.removeprefix("worker-") for name in roles["names"]} == set(MEASURED)
    assert set(roles["names"]) <= services.keys()
    assert roles["port"] == port
    assert jobs["notifier"]["params"] == {"part": ["shared"]}
    assert jobs["notifier-web"]["params"] == {"part": ["process"]}


def test_prometheus_reads_the_same_in_a_cluster() -> None:
    kept = ("job_name", "params", "authorization")
    described = [
        [{key: job.get(key) for key in kept} for job in _read_jobs(name)]
        for name in ("prometheus.yml", "prometheus-kubernetes.yml")
    ]
    assert described[0] == described[1]


def _read_jobs(name: str) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = yaml.safe_load((MONITORING / name).read_text())["scrape_configs"]
    return jobs


def test_the_alerts_come_when_they_should_and_only_then() -> None:
    run_program(find_promtool(), "test", "rules", MONITORING / "alerts_test.yml")


def test_every_alert_is_played_through_in_peace_and_in_trouble() -> None:
    tests = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    names = {alert["alert"] for alert in ALERTS}
    cases = [case for each in tests for case in each["alert_rule_test"]]
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names


def test_prometheus_can_read_every_expression_of_the_dashboards(tmp_path: Path) -> None:
    rules = [
        {"record": f"curve:{at}", "expr": text.replace("$__rate_interval", "5m")}
        for at, text in enumerate(CURVES)
    ]
    file = tmp_path / "curves.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "curves", "rules": rules}]}))
    run_program(find_promtool(), "check", "rules", file)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_metrics_and_labels_that_are_promised(expression: str) -> None:
    series = find_series(expression)
    assert series
    assert series <= list_series()
    own = [labels for name, labels in METRICS.items() if any(s.startswith(name) for s in series)]
    assert find_labels(expression) <= TARGET_LABELS.union(*own)


def test_every_metric_that_is_promised_is_looked_at() -> None:
    seen = {series for expression in EXPRESSIONS for series in find_series(expression)}
    unseen = {name for name in METRICS if not any(one.startswith(name) for one in seen)}
    assert unseen == set()
    assert seen >= SYNTHETIC


@pytest.mark.django_db
@pytest.mark.usefixtures("broker")
def test_what_the_product_exports_has_the_promised_names_and_labels() -> None:
    Client().get("/live")
    text = Client().get("/metrics").content.decode()
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name.startswith("notifier_") and not name.endswith("_created"):
            assert name in METRICS
            labels = {label for sample in family.samples for label in sample.labels}
            assert labels - {"le"} <= METRICS[name]


def test_the_dashboards_in_the_repository_are_those_that_are_described(tmp_path: Path) -> None:
    write_dashboards(tmp_path)
    written = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    kept = {path.name: json.loads(path.read_text()) for path in FOLDER.iterdir()}
    assert kept == written, "run: python -m deploy.monitoring.dashboards"


def test_every_command_that_the_pages_name_is_there() -> None:
    pages = ("docs/runbook.md", "docs/kubernetes.md", "deploy/monitoring/README.md")
    text = "".join((PROJECT / page).read_text() for page in pages)
    assert set(re.findall(r"manage\.py (\w+)", text)) <= get_commands().keys()


def test_every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() -> None:
    runbook = (PROJECT / "docs/runbook.md").read_text()
    sections = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
    assert sections == [alert["alert"] for alert in ALERTS]
    for alert in ALERTS:
        assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"
        assert alert["labels"]["severity"] in {"page", "ticket"}
