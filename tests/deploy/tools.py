"""Checking programs: those of the environment, and promtool, which only Debian packages."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = Path(sys.executable).parent
PACKAGE = "prometheus"
KEPT = PROJECT / "var/tools/promtool"
PATIENCE_SECONDS = 150  # pytest ends a test after 180


class ToolMissing(AssertionError):
    """A program that these tests need cannot be had; the message says how to get it."""


def run_program(program: str | Path, *arguments: str | Path, folder: Path = PROJECT) -> str:
    """Return what the program prints; AssertionError with all that it said when it fails."""
    done = subprocess.run(  # noqa: S603  # our own arguments
        [program, *arguments], cwd=folder, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def find_program(name: str) -> Path:
    """Return a program that a package of requirements/dev.txt brings."""
    found = ENVIRONMENT / name
    if not found.exists():
        raise ToolMissing(f"{name} is not in {ENVIRONMENT}: install requirements/dev.txt")
    return found


def find_promtool() -> Path:
    """Return promtool: the machine's, or that of Debian's package, unpacked below var/."""
    if found := shutil.which("promtool"):
        return Path(found)
    if not KEPT.exists():
        _fetch_promtool()
    return KEPT


def _fetch_promtool() -> None:
    """Unpack the package without installing it: that would bring a service and its user."""
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT.parent) as name:
        folder = Path(name)
        _download(folder)
        _call("dpkg", "-x", next(folder.glob("*.deb")), folder, folder=folder)
        (folder / "usr/bin/promtool").replace(KEPT)


def _download(folder: Path) -> None:
    command = ("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", PACKAGE)
    try:
        _call(*command, folder=folder)
    except ToolMissing:
        if os.geteuid() != 0:
            raise
        _call("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "update", folder=folder)
        _call(*command, folder=folder)


def _call(*command: str | Path, folder: Path) -> None:
    remedy = f"promtool is missing; on Debian: apt-get install --no-install-recommends {PACKAGE}"
    done = _run_quietly(command, folder)
    if done.returncode:
        raise ToolMissing(f"{remedy}\n{done.stderr}")


def _run_quietly(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        return subprocess.CompletedProcess(command, 127, "", f"there is no {command[0]} here")
    return subprocess.run(  # noqa: S603  # our own arguments
        command, cwd=folder, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
