"""Where a row happens: one installation, its servers, the traffic and what the row found."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import amqp
import redis

from deploy.local.private_server import PrivateServer
from deploy.local.processes import list_descendants
from deploy.local.role_process import RoleProcess
from deploy.local.roles import Role, build_roles
from tests.e2e.installation import PROJECT, Installation
from tests.faults.deliveries import Deliveries
from tests.faults.ledgers import count_unfinished_rows, empty_ledger
from tests.faults.traffic import Build, Traffic, build_mail, build_mixed

READY_SECONDS = 60.0
PROBE_SECONDS = 90.0
# A quorum queue that is killed in its first seconds comes back empty and without a leader.
QUEUE_YOUTH_SECONDS = 5.0
Server = TypeVar("Server", bound=PrivateServer)


@dataclass(kw_only=True)
class Field:
    """One row's view of the installation; `expect` collects what was not as promised."""

    installation: Installation
    chance: random.Random
    row: str
    short: bool = False
    traffics: list[Traffic] = field(default_factory=list)
    more_accepted: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    windows: list[tuple[float, float]] = field(default_factory=list)
    extra_roles: list[RoleProcess] = field(default_factory=list)
    usual_roles: dict[str, RoleProcess] = field(default_factory=dict)
    exits: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)  # closed at the end
    _deliveries: Deliveries | None = None

    def size(self, full: int, short: int) -> int:
        return short if self.short else full

    def expect(self, fulfilled: object, promise: str) -> None:
        """Note a broken promise; the row goes on, so that the ledgers are compared too."""
        if not fulfilled:
            self.problems.append(promise)

    def begin_traffic(
        self, count: int, *, rate: float, build: Build = build_mixed, threads: int = 4
    ) -> Traffic:
        prefix = f"{self.row}-{len(self.traffics)}-{self.chance.getrandbits(32):x}"
        options: dict[str, Any] = {"rate": rate, "build": build, "threads": threads}
        traffic = Traffic(self.installation, count=count, prefix=prefix, **options)
        self.traffics.append(traffic)
        return traffic

    @contextlib.contextmanager
    def fault(self) -> Iterator[None]:
        """The time of the fault: from its start until the service is back."""
        begun_at = time.monotonic()
        try:
            yield
        finally:
            self.windows.append((begun_at, time.monotonic()))

    def pause(self, shortest: float, longest: float) -> None:
        time.sleep(self.chance.uniform(shortest, longest))

    def wait_until(self, reached: Callable[[], bool], *, limit: float) -> float:
        return self.installation.wait_until(reached, limit=limit)

    def accept(self, body: dict[str, Any]) -> str:
        notification_id = self.installation.accept(body)
        self.more_accepted.append(notification_id)
        return notification_id

    def probe(self, *, limit: float = PROBE_SECONDS) -> str:
        """Return the id of a fresh, urgent mail once it is with its provider."""
        body = {**build_mail(0), "to": {"email": "probe@example.org"}, "priority": 10}
        traffic = self.begin_traffic(1, rate=1, build=lambda _: body)
        traffic.finish()
        probe_id = traffic.accepted[0]
        self.wait_until(lambda: self.count_deliveries()[probe_id] > 0, limit=limit)
        return probe_id

    def count_deliveries(self) -> Counter[str]:
        if self._deliveries is None:
            self._deliveries = Deliveries(self.installation)
        return self._deliveries.count()

    def settle(self, *, limit: float) -> None:
        for traffic in self.traffics:
            traffic.finish()
        self.wait_until(lambda: count_unfinished_rows(self.installation) == 0, limit=limit)

    def accepted(self) -> list[str]:
        return [*self.more_accepted, *(id_ for each in self.traffics for id_ in each.accepted)]

    def kill_child(self, name: str) -> None:
        """Kill -9 one child of a role; the role's own process is expected to replace it."""
        children = list(list_descendants(self.installation.roles[name].pid))
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(children).pid, signal.SIGKILL)

    def restart_killed(self, name: str) -> None:
        role = self.installation.roles[name]
        role.kill()
        role.start()

    def start_and_wait(self, name: str) -> None:
        """Start a role and return when it says that it is at work: before, it knows no signals."""
        known = len(self.installation.lines)
        self.installation.roles[name].start()
        self.wait_until(
            lambda: any(_is_ready(line, name) for line in self.installation.lines[known:]),
            limit=READY_SECONDS,
        )

    def add_role(self, role: Role) -> RoleProcess:
        """Start another process besides the installation's; it ends with the row."""
        extra = self._prepare_role(role, self.installation.environment())
        extra.start()
        self.extra_roles.append(extra)
        return extra

    def _prepare_role(self, role: Role, environment: Mapping[str, str]) -> RoleProcess:
        return RoleProcess(
            role,
            environment=environment,
            folder=self.installation.folder / "pids",
            emit=partial(self.installation.keep_line, role.name),
            working_directory=PROJECT,
        )

    def vary_role(self, name: str, *, app: str = "config", **settings: str) -> None:
        """Run a role with other settings (or another Celery app) until it is restored."""
        whole = self.installation
        environment = {**whole.environment(), **settings}
        roles = build_roles(environment=environment, var=whole.folder)
        role = next(each for each in roles if each.name == name)
        command = tuple(app if part == "config" else part for part in role.command)
        self.usual_roles.setdefault(name, whole.roles[name])
        whole.roles[name].stop()
        whole.roles[name] = self._prepare_role(replace(role, command=command), environment)
        self.start_and_wait(name)

    def restore_role(self, name: str) -> None:
        self.installation.roles[name].stop()
        self.installation.roles[name] = self.usual_roles.pop(name)
        self.start_and_wait(name)

    def add_server(self, server: Server) -> Server:
        """Start another server or stand-in; it ends with the row."""
        self.exits.callback(server.kill)
        server.start()
        return server

    def end_extras(self) -> None:
        """End what the row added, and run the roles that it varied as usual again."""
        for extra in self.extra_roles:
            extra.kill()
        for name in list(self.usual_roles):
            self.installation.roles[name].kill()
            self.installation.roles[name] = self.usual_roles.pop(name)
            self.installation.roles[name].start()
        self.extra_roles.clear()
        self.exits.close()

    @contextlib.contextmanager
    def channel(self) -> Iterator[Any]:
        """An operator's or a stranger's channel to the broker."""
        port = self.installation.rabbitmq.port
        with amqp.Connection(f"127.0.0.1:{port}") as connection:
            yield connection.channel()

    def note_deaths(self) -> None:
        """A role that ended by itself broke a promise; start it again, as a supervisor does."""
        for name, role in self.installation.roles.items():
            if not role.is_running():
                self.expect(fulfilled=False, promise=f"{name} ended by itself")
                self.restart_killed(name)

    def forget_breakers(self) -> None:
        """What one row taught the workers about a provider must not bear on the next."""
        with redis.Redis(host="127.0.0.1", port=self.installation.redis.port) as client:
            client.flushall()

    def clean_up(self) -> None:
        """Bring everything back to health and empty all ledgers, for the next row."""
        whole = self.installation
        for server in (whole.postgres, whole.rabbitmq, whole.redis, whole.sink, whole.fcm):
            if server.is_running():
                server.resume()
            server.start()
        for role in whole.roles.values():
            if not role.is_running():
                role.kill()
                role.start()
        whole.wait_until(lambda: whole.answers("/live"), limit=READY_SECONDS)
        self.forget_breakers()
        empty_ledger(whole)
        whole.sink.reset()
        whole.fcm.reset()
        whole.lines.clear()


def _is_ready(line: str, role: str) -> bool:
    return line.startswith(f"{role}: ") and (" ready." in line or "relay_started" in line)
