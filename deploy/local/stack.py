"""The command `python -m deploy.local.stack`: every role on the private servers, until Ctrl-C."""

import argparse
import contextlib
import http.client
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.environment import VARIABLES, read_environment_file
from deploy.local.errors import CannotRun
from deploy.local.ports import is_free_port
from deploy.local.role_process import RoleProcess, end_leftover_roles
from deploy.local.roles import DEFAULTS, MIGRATE, Role, build_roles
from deploy.local.supervisor import StopRequest, supervise

LIVE_CHECK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What is to run: `first` once and to its end, then `roles` until a stop is asked for."""

    first: tuple[Role, ...]
    roles: tuple[Role, ...]
    environment: dict[str, str]
    ports: tuple[int, ...]
    folder: Path


_output = threading.Lock()


def print_line(name: str, line: str) -> None:
    """Print one line of one role, whole, however many roles print at once."""
    with _output, contextlib.suppress(OSError):  # the terminal is gone: the roles go on
        sys.stdout.write(f"{name:<12} | {line}\n")
        sys.stdout.flush()


def tell(line: str) -> None:
    print_line("stack", line)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.stack", description=__doc__)
    parser.add_argument("--var", default="var", help="folder of servers.env and pids [var]")
    var = Path(parser.parse_args().var).resolve()
    try:
        return run_stack(build_stack(var), on_live=lambda stack: print_block(stack.environment))
    except CannotRun as error:
        sys.stderr.write(f"stack: {error}\n")
        return 1


def build_stack(var: Path) -> Stack:
    """Return the real stack; the environment's own values win over those of servers.env."""
    environment = build_environment(var / "servers.env")
    return Stack(
        first=(MIGRATE,),
        roles=build_roles(environment=environment, var=var),
        environment=environment,
        ports=tuple(read_port(environment, name) for name in ("PORT", "FLOWER_PORT")),
        folder=var / "stack",
    )


def build_environment(path: Path) -> dict[str, str]:
    """Return everybody's environment; CannotRun where it does not say where the servers are."""
    set_already = {name: value for name, value in os.environ.items() if value}
    environment = {**DEFAULTS, **read_environment_file(path), **set_already}
    missing = [name for name in VARIABLES if name not in environment]
    if missing:
        raise CannotRun(
            f"{', '.join(missing)} not set and not in {path}: run `make servers` first"
        )
    environment.setdefault("FLOWER_BASIC_AUTH", f"admin:{secrets.token_urlsafe(12)}")
    return environment


def read_port(environment: dict[str, str], name: str) -> int:
    value = environment[name]
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise CannotRun(f"{name}={value}: expected a port number, 1 to 65535")
    return int(value)


def run_stack(stack: Stack, *, on_live: Callable[[Stack], None]) -> int:
    """Run the stack and return the exit code: 0 after a stop, 1 when a first role failed.

    `on_live` is called once, when the first of its ports answers GET /live with 200. Raises
    CannotRun, before anything starts, for a port that is taken.
    """
    for name in end_leftover_roles(stack.folder):
        tell(f"{name} was left running by an earlier stack: killed")
    refuse_taken_ports(stack.ports)
    request = StopRequest()
    request.listen()
    if not all(run_first(role, stack=stack, request=request) for role in stack.first):
        return 0 if request.is_made() else 1
    processes = [open_role(role, stack) for role in stack.roles]
    announce = LiveAnnouncement(stack, on_live=on_live)
    supervise(processes, request=request, tell=tell, on_tick=announce.check)
    return 0


def refuse_taken_ports(ports: tuple[int, ...]) -> None:
    taken = [str(port) for port in ports if not is_free_port(port)]
    if taken:
        raise CannotRun(
            f"port {', '.join(taken)} is taken: stop what uses it, or set PORT / FLOWER_PORT"
        )


def open_role(role: Role, stack: Stack) -> RoleProcess:
    return RoleProcess(
        role,
        environment=stack.environment,
        folder=stack.folder,
        emit=lambda line: print_line(role.name, line),
    )


def run_first(role: Role, *, stack: Stack, request: StopRequest) -> bool:
    """Run a role to its end and tell whether it succeeded; a stop request ends it early."""
    process = open_role(role, stack)
    process.start()
    while process.is_running() and not request.wait(0.05):
        pass
    code = process.stop()
    if code and not request.is_made():
        tell(f"{role.name} failed (exit code {code}): nothing was started")
    return code == 0 and not request.is_made()


class LiveAnnouncement:
    """Says once that the web answers, asking it twice a second until then."""

    def __init__(self, stack: Stack, *, on_live: Callable[[Stack], None]) -> None:
        self._stack = stack
        self._on_live = on_live
        self._next_check: float | None = 0.0

    def check(self) -> None:
        now = time.monotonic()
        if self._next_check is None or now < self._next_check:
            return
        self._next_check = now + LIVE_CHECK_SECONDS
        if answers_live(self._stack.ports[0]):
            self._next_check = None
            self._on_live(self._stack)


def answers_live(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/live")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def print_block(environment: dict[str, str]) -> None:
    base = f"http://127.0.0.1:{environment['PORT']}"
    flower = f"http://127.0.0.1:{environment['FLOWER_PORT']}"
    for line in (
        "everything runs; Ctrl-C stops it",
        f"  API     {base}/api/v1",
        f"  docs    {base}/api/docs",
        f"  admin   {base}/admin/",
        f"  Flower  {flower}  ({environment['FLOWER_BASIC_AUTH']})",
    ):
        tell(line)


if __name__ == "__main__":
    raise SystemExit(main())
