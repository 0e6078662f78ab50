"""What the local commands decide without starting anything."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.local import packages
from deploy.local.environment import read_environment_file, write_environment_file
from deploy.local.errors import CannotRun
from deploy.local.roles import build_roles
from deploy.local.stack import build_stack

URLS = {
    "DATABASE_URL": "postgres://notifier@127.0.0.1:1/notifier",
    "BROKER_URL": "amqp://guest:guest@127.0.0.1:2//",
    "CACHE_URL": "redis://127.0.0.1:3/0",
}


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*URLS, "PORT", "FLOWER_PORT", "FLOWER_BASIC_AUTH"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_file_is_plain_lines_that_sh_understands(tmp_path: Path) -> None:
    path = tmp_path / "servers.env"
    write_environment_file(path, URLS)
    assert path.read_text().splitlines() == [f"{name}={value}" for name, value in URLS.items()]
    assert path.stat().st_mode & 0o077 == 0


def test_a_value_with_signs_of_the_shell_survives_sh_and_ourselves(tmp_path: Path) -> None:
    path, value = tmp_path / "servers.env", "postgres://u:p$w@h/db?sslmode=require&x=y z"
    write_environment_file(path, {"DATABASE_URL": value})
    shell = f'. {path}; printf %s "$DATABASE_URL"'
    assert subprocess.check_output(["/bin/sh", "-c", shell], text=True) == value  # noqa: S603
    assert read_environment_file(path) == {"DATABASE_URL": value}


@pytest.mark.usefixtures("variables")
def test_without_servers_the_stack_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        CannotRun, match=r"DATABASE_URL, BROKER_URL, CACHE_URL not set.*make servers"
    ):
        build_stack(tmp_path)


@pytest.mark.usefixtures("variables")
def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_environment_file(tmp_path / "servers.env", URLS)
    monkeypatch.setenv("CACHE_URL", "redis://elsewhere/0")
    monkeypatch.setenv("BROKER_URL", "")  # set to nothing is not set
    environment = build_stack(tmp_path).environment
    assert environment["CACHE_URL"] == "redis://elsewhere/0"
    assert environment["BROKER_URL"] == URLS["BROKER_URL"]


@pytest.mark.usefixtures("variables")
def test_a_port_that_is_no_port_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_environment_file(tmp_path / "servers.env", URLS)
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(CannotRun, match="PORT=http"):
        build_stack(tmp_path)


@pytest.mark.usefixtures("variables")
def test_flowers_password_is_new_each_time_and_not_on_a_command_line(tmp_path: Path) -> None:
    write_environment_file(tmp_path / "servers.env", URLS)
    first, second = build_stack(tmp_path), build_stack(tmp_path)
    password = first.environment["FLOWER_BASIC_AUTH"].removeprefix("admin:")
    assert password not in second.environment["FLOWER_BASIC_AUTH"]
    assert not any(password in part for role in first.roles for part in role.command)


def test_every_role_is_there_and_numbers_come_from_the_environment(tmp_path: Path) -> None:
    roles = build_roles(environment={"PORT": "8123", "EMAIL_CONCURRENCY": "7"}, var=tmp_path)
    commands = {role.name: role.command for role in roles}
    assert list(commands) == [
        *("web", "relay", "email", "push", "status", "dead-letters", "beat", "flower")
    ]
    assert "8123" in commands["web"]
    assert commands["email"][commands["email"].index("-c") + 1] == "7"


@pytest.fixture
def no_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make a machine without servers, whose apt-get writes down what it was asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    apt = programs / "apt-get"
    apt.write_text(
        "#!/bin/sh\n"
        f'echo "$DEBIAN_FRONTEND $*" >> {tmp_path}/asked\n'
        f"{tmp_path}/policy; echo $? >> {tmp_path}/policies\n"
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(packages, "POSTGRES_VERSIONS", tmp_path)
    monkeypatch.setattr(packages, "RABBITMQ_PROGRAMS", tmp_path)
    return tmp_path


ALL = (packages.POSTGRES, packages.RABBITMQ, packages.REDIS)


def test_missing_servers_are_installed_and_not_allowed_to_start(
    no_servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    packages.install_missing(ALL, policy=no_servers / "policy")
    update, install = (no_servers / "asked").read_text().splitlines()
    assert update.endswith("-o DPkg::Lock::Timeout=300 update")
    assert install.startswith("noninteractive ")
    assert install.endswith("--no-install-recommends postgresql rabbitmq-server redis-server")
    assert (no_servers / "policies").read_text().split() == ["101", "101"]
    assert not (no_servers / "policy").exists()


def test_a_policy_of_the_machines_owner_stays(
    no_servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    policy = no_servers / "policy"
    policy.write_text("#!/bin/sh\nexit 0\n")
    policy.chmod(0o755)
    packages.install_missing(ALL, policy=policy)
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_plain_user_is_told_what_is_missing_and_how_to_install_it(
    no_servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotRun, match=r"missing: PostgreSQL, Redis\. .*apt-get install"):
        packages.install_missing((packages.POSTGRES, packages.REDIS))
    assert not (no_servers / "asked").exists()


def test_nothing_is_asked_of_apt_when_nothing_is_missing(
    no_servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (no_servers / "bin/redis-server").symlink_to("/bin/true")
    assert packages.install_missing([packages.REDIS]) == []
