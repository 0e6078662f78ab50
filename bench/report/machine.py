"""On what a run was made."""

import os
import platform
import subprocess
from pathlib import Path

from deploy.local.packages import find_postgres


def describe_machine() -> dict[str, str]:
    """Return what a reader needs in order to place the figures; no names of hosts."""
    return {
        "processor": _read_processor(),
        "cores": str(count_cores()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": _ask_postgres(),
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def count_cores() -> int:
    return len(os.sched_getaffinity(0))


def is_busy() -> bool:
    """Tell whether other work, over the last minute, took more than a quarter of the cores."""
    return os.getloadavg()[0] > count_cores() / 4


def _read_processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def _ask_postgres() -> str:
    programs = find_postgres()
    if programs is None:
        return "-"
    done = subprocess.run(  # noqa: S603  # found by our own search
        [programs / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    return done.stdout.rpartition(")")[2].strip() or done.stdout.strip()
