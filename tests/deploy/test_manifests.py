"""Every overlay is made of valid objects that find each other."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifier.configuration import SETTINGS, read_configuration
from tests.deploy.manifests import (
    COMPONENT,
    FOLDER,
    OVERLAYS,
    STORES,
    Manifest,
    container_of,
    list_objects,
    list_workloads,
    load_objects,
    matches,
    pod_of,
    render,
    settings_of,
)
from tests.deploy.tools import PROJECT, find_program, run_program

VERSIONS = ("1.32", "1.37")  # the oldest that is supported, and the newest
SCALED = ("staging", "production")
SECRETS = {
    each["metadata"]["name"]: each["stringData"]
    for each in yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text())
}


def name_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def labels_of_pods(overlay: str) -> list[Manifest]:
    workloads = list_objects(overlay, "Deployment", "Job", "StatefulSet")
    return [pod_of(each)["metadata"]["labels"] for each in workloads]


def test_every_object_fits_the_schemas_of_kubernetes(tmp_path: Path) -> None:
    for overlay in OVERLAYS:
        (tmp_path / overlay).write_text(render(overlay))
    files = [*(tmp_path / overlay for overlay in OVERLAYS), FOLDER / "secrets.example.yaml"]
    for version in VERSIONS:
        options = ("--strict", "--quiet", "-k", version)
        run_program(find_program("kubernetes-validate"), *options, *files)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_in_the_namespace_of_the_overlay(overlay: str) -> None:
    [namespace] = list_objects(overlay, "Namespace")
    assert name_of(namespace) == f"notifier-{overlay}"
    others = [each for each in load_objects(overlay) if each is not namespace]
    assert {each["metadata"]["namespace"] for each in others} == {name_of(namespace)}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_chooses_pods_that_there_are(overlay: str) -> None:
    pods = labels_of_pods(overlay)
    for each in load_objects(overlay):
        for selector in find_selectors(each):
            assert any(matches(selector, labels) for labels in pods), (name_of(each), selector)


def find_selectors(manifest: Manifest) -> list[Manifest]:
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Service":
        return [{"matchLabels": spec["selector"]}]
    return [spec[key] for key in ("selector", "podSelector") if key in spec]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_workload_and_its_budget_choose_its_own_pods_alone(overlay: str) -> None:
    pods = labels_of_pods(overlay)
    kinds = ("Deployment", "StatefulSet", "PodDisruptionBudget")
    for each in list_objects(overlay, *kinds):
        chosen = [labels for labels in pods if matches(each["spec"]["selector"], labels)]
        component = each["metadata"]["labels"][COMPONENT]
        assert [labels[COMPONENT] for labels in chosen] == [component]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_port_that_is_led_to_is_open(overlay: str) -> None:
    services = {name_of(each): each["spec"] for each in list_objects(overlay, "Service")}
    for name in ("notifier-web", "notifier-web-pods", "notifier-flower"):
        component = services[name]["selector"][COMPONENT]
        spec = pod_of(list_workloads(overlay)[component])["spec"]
        open_ports = {each["name"] for each in spec["containers"][0]["ports"]}
        assert {each["targetPort"] for each in services[name]["ports"]} <= open_ports


@pytest.mark.parametrize("overlay", SCALED)
def test_the_ingress_leads_to_the_web_with_tls(overlay: str) -> None:
    [ingress] = list_objects(overlay, "Ingress")
    [rule], [tls] = ingress["spec"]["rules"], ingress["spec"]["tls"]
    [path] = rule["http"]["paths"]
    service = {"name": "notifier-web", "port": {"name": "http"}}
    assert path["backend"] == {"service": service}
    settings = settings_of(overlay)
    assert tls["hosts"] == [rule["host"]] == [settings["ALLOWED_HOSTS"]]
    assert settings["PUBLIC_URL"] == f"https://{rule['host']}"


@pytest.mark.parametrize("overlay", SCALED)
def test_every_autoscaler_scales_a_role_that_asks_for_no_number(overlay: str) -> None:
    workloads = {name_of(each): each["spec"] for each in list_objects(overlay, "Deployment")}
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in list_objects(overlay, "HorizontalPodAutoscaler")
    }
    asking = {name for name, spec in workloads.items() if "replicas" in spec}
    assert scaled <= workloads.keys()
    assert scaled & asking == set()  # or each roll-out would undo what the autoscaler chose
    single = {"notifier-beat", "notifier-flower"}
    assert workloads.keys() - scaled - asking == single
    budgets = {name_of(each) for each in list_objects(overlay, "PodDisruptionBudget")}
    assert budgets == workloads.keys() - single  # a budget of one would hold up every drain


def test_the_adapter_serves_every_external_metric() -> None:
    adapter = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())
    served = {rule["seriesQuery"] for rule in adapter["rules"]["external"]}
    metrics = [
        metric["external"]["metric"]["name"]
        for scaler in list_objects("production", "HorizontalPodAutoscaler")
        for metric in scaler["spec"]["metrics"]
        if metric["type"] == "External"
    ]
    assert set(metrics) == served


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_of_ours_is_reached_or_reaches_out_without_a_rule(overlay: str) -> None:
    policies = {name_of(each): each["spec"] for each in list_objects(overlay, "NetworkPolicy")}
    deny = policies["notifier-deny-by-default"]
    assert set(deny) == {"podSelector", "policyTypes"}
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    for workload in list_workloads(overlay).values():
        assert matches(deny["podSelector"], pod_of(workload)["metadata"]["labels"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_settings_start_with_the_secrets_of_the_example(overlay: str, tmp_path: Path) -> None:
    filled = {name: fill_in(name, text) for name, text in SECRETS["notifier-secrets"].items()}
    read = read_configuration(settings_of(overlay) | filled, var=tmp_path)
    assert read["NOTIFIER_ENV"] == overlay
    assert {*settings_of(overlay)} & {*filled} == set()
    secret = {setting.name for setting in SETTINGS if setting.secret}
    assert filled.keys() == secret


def fill_in(name: str, text: str) -> str:
    return re.sub("<[^>]*>", lambda _: f"{name}-0123456789-abcdefghijklmnop", text)


def test_the_servers_for_development_are_those_of_compose() -> None:
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
    images: dict[str, Any] = {
        name_of(each): pod_of(each)["spec"]["containers"][0]["image"]
        for each in list_objects("development", "StatefulSet")
    }
    assert images == {name: services[name]["image"] for name in STORES}


def list_step(overlay: str, step: int) -> list[Manifest]:
    """Return what the roll-out applies in its first or second step."""
    script = (FOLDER / "roll_out.sh").read_text()
    listed = re.findall(r"component in \(([^)]*)\)", script)[step].split(", ")
    return [
        each
        for each in load_objects(overlay)
        if each["metadata"].get("labels", {}).get(COMPONENT) in listed
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_first_step_of_a_roll_out_applies_all_that_the_migration_needs(overlay: str) -> None:
    kinds = {each["kind"] for each in list_step(overlay, 0)}
    assert {"Namespace", "ConfigMap", "ServiceAccount", "NetworkPolicy", "Job"} <= kinds
    assert "Deployment" not in kinds


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_reads_messages_is_rolled_before_who_writes_them(overlay: str) -> None:
    deployments = {
        name: container_of(each)["command"]
        for name, each in list_workloads(overlay).items()
        if each["kind"] == "Deployment"
    }
    reading = {
        name
        for name, command in deployments.items()
        if {"worker", "consume_failed"} & set(command)
    }
    rolled = [each for each in list_step(overlay, 1) if each["kind"] == "Deployment"]
    assert {each["metadata"]["labels"][COMPONENT] for each in rolled} == reading
