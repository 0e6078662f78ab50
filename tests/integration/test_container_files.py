"""The container files agree with the roles and settings of the project, and are well formed."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.roles import DEFAULTS, MIGRATE, Role, build_roles
from notifier.configuration import SETTINGS, read_configuration

PROJECT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STORES = {"postgres", "rabbitmq", "redis"}
# A container is its own machine: what is loopback beside other roles must be reached from outside.
OUTSIDE = {"127.0.0.1": "0.0.0.0", "--address=127.0.0.1": "--address=0.0.0.0"}  # noqa: S104  # inside a container
TEMPORARY = Path("/tmp")  # noqa: S108  # the image's NOTIFIER_VAR_DIR, a tmpfs of each container
ROLES = [MIGRATE, *build_roles(environment={}, var=TEMPORARY)]
REFERENCE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[?-])(?P<text>[^}]*)\}")


def run_tool(*command: str) -> str:
    """Return what a checking tool of the environment complains about; empty when content."""
    done = subprocess.run(  # noqa: S603  # our own arguments
        [str(TOOLS / command[0]), *command[1:]],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr if done.returncode else ""


def interpolate(text: str, values: dict[str, str]) -> str:
    """Fill in ${NAME:-default} and ${NAME:?message} as compose does; KeyError for the latter."""

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        return values.get(name) or (match["text"] if match["kind"] == "-" else values[name])

    return REFERENCE.sub(fill, text)


def command_in_container(role: Role) -> list[str]:
    return ["python", *(OUTSIDE.get(word, word) for word in role.command[1:])]


def read_default_command() -> list[str]:
    """Return the image's CMD, which is JSON (exec form) and the last instruction."""
    text = (PROJECT / "Dockerfile").read_text()
    command: list[str] = json.loads(text.rpartition("\nCMD ")[2].replace("\\\n", ""))
    return command


def named_settings() -> set[str]:
    """Return the names in .env.example, those that are commented out included."""
    text = (PROJECT / ".env.example").read_text()
    return set(re.findall(r"^(?:# )?([A-Z_]+)=", text, re.MULTILINE))


def read_settings(path: Path) -> dict[str, str]:
    lines = re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), re.MULTILINE)
    return {name: "".join(shlex.split(value)) for name, value in lines}


@pytest.fixture
def filled(tmp_path: Path) -> dict[str, str]:
    """The settings that the page on deployment makes out of .env.example."""
    page = (PROJECT / "docs/deployment.md").read_text()
    command = next(line for line in page.splitlines() if line.endswith(".env.example > .env"))
    (tmp_path / ".env.example").write_text((PROJECT / ".env.example").read_text())
    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True, timeout=30)  # noqa: S603  # of our own page
    return read_settings(tmp_path / ".env")


def test_the_dockerfile_is_clean() -> None:
    assert run_tool("hadolint", "Dockerfile") == ""


def test_the_compose_file_fits_the_specification() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    assert run_tool("check-jsonschema", *schema, "compose.yaml") == ""


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_is_started_in_a_container_as_it_is_without(role: Role) -> None:
    service = f"worker-{role.name}" if f"worker-{role.name}" in SERVICES else role.name
    command = [interpolate(word, {}) for word in SERVICES[service]["command"]]
    assert command == command_in_container(role)


def test_every_service_is_a_role_or_a_store() -> None:
    names = {name.removeprefix("worker-") for name in SERVICES}
    assert names == {role.name for role in ROLES} | STORES


def test_the_image_alone_is_the_web() -> None:
    web = next(role for role in ROLES if role.name == "web")
    assert read_default_command() == command_in_container(web)


def test_a_number_in_the_commands_can_be_set_by_its_usual_name() -> None:
    commands = " ".join(word for name in SERVICES for word in SERVICES[name].get("command", ()))
    names = {match["name"] for match in REFERENCE.finditer(commands)}
    fixed = {"PORT", "FLOWER_PORT", "METRICS_PORT"}  # inside a container
    assert names == DEFAULTS.keys() - fixed


def test_every_setting_is_in_the_example_or_set_by_compose() -> None:
    set_by_compose = set(SERVICES["web"]["environment"])
    assert {setting.name for setting in SETTINGS} <= named_settings() | set_by_compose


def test_every_variable_of_compose_is_in_the_example() -> None:
    used = {match["name"] for match in REFERENCE.finditer((PROJECT / "compose.yaml").read_text())}
    assert used <= named_settings()


def test_compose_refuses_to_start_without_each_secret() -> None:
    references = REFERENCE.finditer((PROJECT / "compose.yaml").read_text())
    assert {match["name"] for match in references if match["kind"] == "?"} == {
        "SECRET_KEY",
        "JWT_SIGNING_KEY",
        "FIELD_ENCRYPTION_KEYS",
        "POSTGRES_PASSWORD",
        "RABBITMQ_DEFAULT_PASS",
        "FLOWER_BASIC_AUTH",
    }


def test_the_command_of_the_page_fills_in_every_secret(filled: dict[str, str]) -> None:
    example = read_settings(PROJECT / ".env.example")
    secrets = [filled[name] for name, value in example.items() if not value]
    assert len(set(secrets)) == len(secrets) == 6
    assert all(len(secret) >= 32 for secret in secrets)
    assert filled["FLOWER_BASIC_AUTH"].startswith("admin:")


def test_the_settings_of_the_page_start_in_production(
    filled: dict[str, str], tmp_path: Path
) -> None:
    given = SERVICES["web"]["environment"]
    environment = filled | {name: interpolate(text, filled) for name, text in given.items()}
    settings = read_configuration(environment, var=tmp_path)
    assert settings["NOTIFIER_ENV"] == "production"
    assert settings["DATABASE_URL"]["PASSWORD"] == filled["POSTGRES_PASSWORD"]
    assert settings["DATABASE_URL"]["HOST"] == "postgres"


def test_only_the_web_and_flower_are_reached_from_outside_and_on_loopback() -> None:
    published = {
        name: [interpolate(port, {}) for port in service["ports"]]
        for name, service in SERVICES.items()
        if "ports" in service
    }
    assert published == {"web": ["127.0.0.1:8000:8000"], "flower": ["127.0.0.1:5555:5555"]}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - STORES))
def test_a_role_runs_with_no_right_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service  # the image's own, which is not root


def test_no_role_starts_before_the_migration_has_succeeded() -> None:
    condition = {"condition": "service_completed_successfully"}
    waiting = {
        name
        for name, service in SERVICES.items()
        if service.get("depends_on", {}).get("migrate") == condition
    }
    assert waiting == SERVICES.keys() - STORES - {"migrate"}
