"""Rows 4, 27: the web process dies while it answers, and runs out of file descriptors."""

import contextlib
import resource
import socket
from collections.abc import Iterator

from deploy.local.processes import list_descendants
from tests.faults.field import Field
from tests.faults.registry import fault_row

FEW_FILES = 48
IDLE_CLIENTS = 120


@fault_row("4", "web kill -9 during POST", doubts=False, soak=True)
def kill_web(field: Field) -> None:
    whole = field.installation
    field.begin_traffic(field.size(1500, 150), rate=50, threads=8)
    with field.fault():
        for number in range(field.size(20, 4)):
            field.pause(0.5, 1.2)
            if number % 2:
                field.restart_killed("web")
            else:
                field.kill_child("web")
            whole.wait_until(lambda: whole.answers("/live"), limit=30)


@fault_row("27", "web out of file descriptors", doubts=False, soak=True)
def starve_web(field: Field) -> None:
    field.begin_traffic(field.size(400, 60), rate=20)
    web = field.installation.roles["web"]
    pids = [web.pid, *(child.pid for child in list_descendants(web.pid))]
    usual = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids}
    with field.fault(), contextlib.ExitStack() as clients:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW_FILES, usual[pid][1]))
        for _ in range(IDLE_CLIENTS):
            clients.enter_context(_connect(field.installation.port))
        field.pause(5, 8)
    for pid, limits in usual.items():
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


@contextlib.contextmanager
def _connect(port: int) -> Iterator[socket.socket]:
    client = socket.socket()
    client.settimeout(2)
    with client:
        with contextlib.suppress(OSError):
            client.connect(("127.0.0.1", port))
        yield client
