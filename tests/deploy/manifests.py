"""What an overlay renders to, and questions about it."""

from functools import cache
from typing import Any

import yaml

from tests.deploy.tools import PROJECT, find_program, run_program

FOLDER = PROJECT / "deploy/kubernetes"
OVERLAYS = ("development", "staging", "production")
STORES = frozenset({"postgres", "rabbitmq", "redis"})
COMPONENT = "app.kubernetes.io/component"
Manifest = dict[str, Any]


@cache
def render(overlay: str) -> str:
    return run_program(find_program("kubectl"), "kustomize", FOLDER / "overlays" / overlay)


@cache
def load_objects(overlay: str) -> tuple[Manifest, ...]:
    return tuple(yaml.safe_load_all(render(overlay)))


def list_objects(overlay: str, *kinds: str) -> list[Manifest]:
    return [each for each in load_objects(overlay) if each["kind"] in kinds]


def list_workloads(overlay: str) -> dict[str, Manifest]:
    """Return our own workloads, the migration included, by component."""
    found = list_objects(overlay, "Deployment", "Job")
    return {each["metadata"]["labels"][COMPONENT]: each for each in found}


def pod_of(workload: Manifest) -> Manifest:
    pod: Manifest = workload["spec"]["template"]
    return pod


def container_of(workload: Manifest) -> Manifest:
    [container] = pod_of(workload)["spec"]["containers"]
    assert container["name"] == "notifier"
    return dict(container)


def list_containers(workload: Manifest) -> list[Manifest]:
    spec = pod_of(workload)["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


def settings_of(overlay: str) -> dict[str, str]:
    """Return what every pod of the overlay has in its environment, secrets apart."""
    maps = list_objects(overlay, "ConfigMap")
    [settings] = [
        each["data"] for each in maps if each["metadata"]["name"].startswith("notifier-settings")
    ]
    return dict(settings)


def matches(selector: Manifest, labels: Manifest) -> bool:
    """Does a label selector choose these labels (matchLabels and `In` alone)?"""
    if any(labels.get(name) != value for name, value in selector.get("matchLabels", {}).items()):
        return False
    expressions = selector.get("matchExpressions", ())
    return all(labels.get(each["key"]) in each["values"] for each in expressions)
