"""Exec probe of the roles without HTTP: `probe.py VARIABLE [--live]` fails when the role is ill.

Ready is who holds a connection to the server whose URL is in VARIABLE. Alive is also who holds
none because the server cannot be reached: an outage must restart nobody. A role that hangs loses
its connection when the server misses its heartbeat. Runs on the standard library alone, every few
seconds, so it asks the kernel's table and not the server.
"""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

PORTS = {"amqp": 5672, "amqps": 5671, "postgres": 5432, "postgresql": 5432}
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))  # proc(5)
ESTABLISHED = "01"
PATIENCE_SECONDS = 3.0


def main(variable: str, *, live: bool) -> str | None:
    """Return why the role is ill, in one line, or None."""
    url = urlsplit(os.environ[variable])
    host, port = url.hostname or "localhost", url.port or PORTS[url.scheme]
    if port in find_connected_ports() or (live and not is_reachable(host, port)):
        return None
    return f"no connection to port {port} of {variable}"


def find_connected_ports() -> set[int]:
    """Return the remote ports of this pod's established TCP connections."""
    return {port for table in TABLES if table.exists() for port in _read_ports(table)}


def _read_ports(table: Path) -> Iterator[int]:
    for line in table.read_text().splitlines()[1:]:
        _, _, remote, state, *_ = line.split()
        if state == ESTABLISHED:
            yield int(remote.rpartition(":")[2], 16)


def is_reachable(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], live="--live" in sys.argv[2:]))
