"""Free ports for private servers, and the memory that lets a server keep its own."""

import json
import socket
from pathlib import Path
from random import SystemRandom

# Below the range from which Linux takes the ports of outgoing connections (32768-60999), so that a
# server that is down for a while finds its kept port free again.
KEPT_PORTS = range(20_000, 30_000)


def is_free_port(port: int) -> bool:
    """Tell whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pick_free_port(*, besides: frozenset[int] = frozenset()) -> int:
    candidates = SystemRandom().sample(KEPT_PORTS, 200)
    return next(port for port in candidates if port not in besides and is_free_port(port))


def read_kept_ports(memory: Path) -> dict[str, int]:
    """Return the ports by name that keep_ports() wrote; empty when it never did."""
    found: dict[str, int] = json.loads(memory.read_text()) if memory.exists() else {}
    return found


def keep_ports(memory: Path, *, names: tuple[str, ...], fixed: dict[str, int]) -> dict[str, int]:
    """Return a port for each of `names`: the fixed one, else the remembered one, else a free one.

    A remembered port that somebody else took meanwhile is replaced. Call this only while the
    server is down: its own ports would look taken.
    """
    known = read_kept_ports(memory)
    ports: dict[str, int] = {}
    for name in names:
        kept = known.get(name, 0)
        usable = bool(kept) and kept not in ports.values() and is_free_port(kept)
        ports[name] = fixed.get(name) or (
            kept if usable else pick_free_port(besides=frozenset(ports.values()))
        )
    memory.write_text(json.dumps(ports))
    return ports
