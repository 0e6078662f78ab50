"""The file that tells programs where the private servers are (`var/servers.env`)."""

import shlex
from collections.abc import Mapping
from pathlib import Path

VARIABLES = ("DATABASE_URL", "BROKER_URL", "CACHE_URL")


def write_environment_file(path: Path, values: Mapping[str, str]) -> None:
    """Write KEY=value lines that sh can source, readable by the owner alone (they hold passwords).

    A value is quoted only where sh would otherwise misread it; ours never need it.
    """
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))


def read_environment_file(path: Path) -> dict[str, str]:
    """Return what write_environment_file() wrote; empty when there is no such file."""
    if not path.exists():
        return {}
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name.strip(): "".join(shlex.split(value)) for name, _, value in lines}
