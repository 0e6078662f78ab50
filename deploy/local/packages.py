"""Which server programs there are, and how Debian's packages of the missing are installed."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import CannotRun

POSTGRES_VERSIONS = Path("/usr/lib/postgresql")
RABBITMQ_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
# What Debian asks before a package may start its service; 101 means no (invoke-rc.d(8)).
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs (initdb, postgres), the newest version's."""
    versions = [path for path in POSTGRES_VERSIONS.glob("*") if (path / "bin/postgres").exists()]
    if versions:
        return max(versions, key=lambda path: float(path.name)) / "bin"
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def find_rabbitmq() -> Path | None:
    """Return the folder of rabbitmq-server and rabbitmqctl.

    Not Debian's /usr/sbin/rabbitmq-server: that wrapper changes the user and refuses all but two.
    """
    if (RABBITMQ_PROGRAMS / "rabbitmq-server").exists():
        return RABBITMQ_PROGRAMS
    found = shutil.which("rabbitmq-server")
    return Path(found).resolve().parent if found else None


def find_redis() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


@dataclass(frozen=True)
class ServerPackage:
    """A server by the name people know, and Debian's package of it."""

    title: str
    package: str

    def is_missing(self) -> bool:
        return FINDERS[self.package]() is None


FINDERS = {
    "postgresql": find_postgres,
    "rabbitmq-server": find_rabbitmq,
    "redis-server": find_redis,
}
POSTGRES = ServerPackage("PostgreSQL", "postgresql")
RABBITMQ = ServerPackage("RabbitMQ", "rabbitmq-server")
REDIS = ServerPackage("Redis", "redis-server")


def install_missing(
    wanted: Iterable[ServerPackage], *, policy: Path = SERVICE_POLICY
) -> list[ServerPackage]:
    """Install the packages of `wanted` whose programs are missing and return them.

    No installed service is started. Raises CannotRun, with what is missing and the command that
    installs it, where this user may not install or apt fails.
    """
    missing = [one for one in wanted if one.is_missing()]
    if missing:
        _refuse_without_apt(missing)
        with _forbid_service_starts(policy):
            _run_apt(missing, "update")
            _run_apt(missing, "install", "-y", "--no-install-recommends", *_name_packages(missing))
    return missing


def _name_packages(packages: list[ServerPackage]) -> list[str]:
    return [one.package for one in packages]


def _describe_remedy(missing: list[ServerPackage]) -> str:
    titles = ", ".join(one.title for one in missing)
    names = " ".join(_name_packages(missing))
    return (
        f"missing: {titles}. Install with: sudo apt-get install --no-install-recommends {names} "
        "(or set DATABASE_URL, BROKER_URL, CACHE_URL to servers of your own)"
    )


def _refuse_without_apt(missing: list[ServerPackage]) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotRun(_describe_remedy(missing))


@contextlib.contextmanager
def _forbid_service_starts(policy: Path) -> Iterator[None]:
    if policy.exists():  # the machine's owner has decided already
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _run_apt(missing: list[ServerPackage], *arguments: str) -> None:
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *arguments]
    done = subprocess.run(  # noqa: S603 - constant program and package names, no shell
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = "\n".join((done.stdout + done.stderr).splitlines()[-5:])
        raise CannotRun(f"{_describe_remedy(missing)}; apt-get failed here:\n{reason}")
