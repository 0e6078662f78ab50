"""Each role in the cluster is the role of compose.yaml, with no right that it does not need."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from flower.urls import handlers as flower_routes
from tornado.routing import URLSpec

from deploy.local.roles import DEFAULTS, MEASURED
from notifier.configuration import SETTINGS
from tests.deploy.manifests import (
    OVERLAYS,
    STORES,
    Manifest,
    container_of,
    list_containers,
    list_workloads,
    load_objects,
    pod_of,
    settings_of,
)
from tests.deploy.tools import PROJECT

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
SERVICES: dict[str, Manifest] = COMPOSE["services"]
WITHOUT_PROBE = {"beat", "migrate"}  # compose.yaml asks them nothing either
# Read by libraries, or by the shell of a command; the rest must be settings.
OTHERS = DEFAULTS.keys() | {"PROMETHEUS_MULTIPROC_DIR", "FLOWER_BASIC_AUTH"}
GATE = ["python", "manage.py", "migrate", "--check"]

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def expand(command: list[str], values: dict[str, str]) -> list[str]:
    """Fill in $(NAME) as Kubernetes does; KeyError for what no environment has."""
    return [re.sub(r"\$\((\w+)\)", lambda match: values[match[1]], word) for word in command]


def interpolate(command: list[str], values: dict[str, str]) -> list[str]:
    """Fill in ${NAME:-default} as compose does."""
    found = r"\$\{(\w+):-([^}]*)\}"
    return [re.sub(found, lambda match: values.get(match[1], match[2]), word) for word in command]


def test_every_role_of_compose_is_there_with_its_command(overlay: str) -> None:
    workloads, values = list_workloads(overlay), settings_of(overlay)
    assert workloads.keys() == SERVICES.keys() - STORES
    for name, workload in workloads.items():
        command = expand(container_of(workload)["command"], values)
        assert command == interpolate(SERVICES[name]["command"], values), name


def test_every_role_waits_for_the_migration(overlay: str) -> None:
    for name, workload in list_workloads(overlay).items():
        gates = [each["command"] for each in pod_of(workload)["spec"].get("initContainers", ())]
        assert gates == ([] if name == "migrate" else [GATE]), name


def test_all_containers_have_one_image_that_is_pinned(overlay: str) -> None:
    containers = [
        each for one in list_workloads(overlay).values() for each in list_containers(one)
    ]
    [image] = {each["image"] for each in containers}
    name, _, version = image.rpartition(":")
    assert name
    assert version not in {"", "latest"}


def test_every_variable_is_known(overlay: str) -> None:
    known = {setting.name for setting in SETTINGS} | OTHERS
    assert settings_of(overlay).keys() <= known
    for workload in list_workloads(overlay).values():
        assert {each["name"] for each in container_of(workload).get("env", ())} <= known


def test_only_flower_is_given_the_password_of_flower(overlay: str) -> None:
    holders = {
        name
        for name, workload in list_workloads(overlay).items()
        if "notifier-flower" in json.dumps(pod_of(workload))
    }
    assert holders == {"flower"}


def test_every_container_is_as_confined_as_in_compose(overlay: str) -> None:
    for name, workload in list_workloads(overlay).items():
        spec = pod_of(workload)["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert f"{spec['securityContext']['runAsUser']}" in (PROJECT / "Dockerfile").read_text()
        for container in list_containers(workload):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


def test_what_is_mounted_is_there_and_tmp_can_be_written(overlay: str) -> None:
    for workload in list_workloads(overlay).values():
        volumes = {each["name"] for each in pod_of(workload)["spec"]["volumes"]}
        for container in list_containers(workload):
            mounts = {each["name"]: each for each in container["volumeMounts"]}
            assert mounts.keys() <= volumes
            assert mounts["tmp"]["mountPath"] == "/tmp"  # noqa: S108  # NOTIFIER_VAR_DIR of the image


def test_a_directory_that_a_variable_names_is_mounted(overlay: str) -> None:
    directory = Path(settings_of(overlay)["PROMETHEUS_MULTIPROC_DIR"])
    for workload in list_workloads(overlay).values():
        mounted = {Path(each["mountPath"]) for each in container_of(workload)["volumeMounts"]}
        assert mounted & set(directory.parents)


def test_every_role_that_counts_shows_its_metrics_to_prometheus_alone(overlay: str) -> None:
    port = int(settings_of(overlay)["METRICS_LISTEN"].rpartition(":")[2])
    label = {"notifier-metrics": "own-port"}
    shown = {
        name
        for name, workload in list_workloads(overlay).items()
        if label.items() <= pod_of(workload)["metadata"]["labels"].items()
    }
    assert {name.removeprefix("worker-") for name in shown} == set(MEASURED)
    for name in shown:
        [opened] = container_of(list_workloads(overlay)[name])["ports"]
        assert opened["containerPort"] == port
    objects = {
        (each["kind"], each["metadata"]["name"]): each.get("spec", {})
        for each in load_objects(overlay)
    }
    service = objects["Service", "notifier-metrics"]
    policy = objects["NetworkPolicy", "notifier-metrics"]
    chosen = {"app.kubernetes.io/name": "notifier", **label}
    assert service["selector"] == policy["podSelector"]["matchLabels"] == chosen
    assert [each["port"] for each in service["ports"]] == [port]


def test_a_role_has_the_time_to_drain_that_compose_gives(overlay: str) -> None:
    for name, workload in list_workloads(overlay).items():
        seconds = pod_of(workload)["spec"]["terminationGracePeriodSeconds"]
        assert f"{seconds}s" == SERVICES[name]["stop_grace_period"]


def test_memory_is_bounded_and_processors_are_shared(overlay: str) -> None:
    for workload in list_workloads(overlay).values():
        for container in list_containers(workload):
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"].keys() == {"memory"}


def test_every_role_is_asked_whether_it_lives_and_is_ready(overlay: str) -> None:
    for name, workload in list_workloads(overlay).items():
        kinds = {each for each in container_of(workload) if each.endswith("Probe")}
        expected = {"readinessProbe", "livenessProbe"}
        assert kinds - {"startupProbe"} == (set() if name in WITHOUT_PROBE else expected), name


def test_a_probe_of_a_role_asks_for_a_server_that_the_role_is_connected_to(overlay: str) -> None:
    asked = {
        name: container_of(workload)["readinessProbe"]["exec"]["command"][3]
        for name, workload in list_workloads(overlay).items()
        if "exec" in container_of(workload).get("readinessProbe", {})
    }
    workers = {"worker-email", "worker-push", "worker-status", "dead-letters"}
    assert asked == {"relay": "DATABASE_URL", **dict.fromkeys(workers, "BROKER_URL")}


@pytest.mark.django_db
def test_every_path_of_the_web_that_is_probed_answers_to_an_address(overlay: str) -> None:
    web = container_of(list_workloads(overlay)["web"])
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    for path in {web[probe]["httpGet"]["path"] for probe in probes}:
        assert Client(headers={"host": "10.1.2.3:8000"}).get(path).status_code == 200, path


def test_the_path_of_flower_that_is_probed_is_one_of_its_routes(overlay: str) -> None:
    container = container_of(list_workloads(overlay)["flower"])
    specs = [URLSpec(*each) if isinstance(each, tuple) else each for each in flower_routes]
    routes = {each.regex.pattern.removesuffix("$") for each in specs}
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in routes
