"""What every private server is: a process in a folder, on a port it keeps, up when it answers."""

import os
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from deploy.local.errors import CannotRun
from deploy.local.ports import is_free_port, keep_ports, read_kept_ports
from deploy.local.processes import DetachedProcess

LOG_TAIL_LINES = 15


class PrivateServer(ABC):
    """One server on 127.0.0.1 whose data, log and pid are in `folder`.

    It outlives the process that started it: another instance made with the same folder finds it.
    Ports are kept in the folder too, so a restarted server is found where it was.
    """

    title: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]] = ("port",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    start_limit: ClassVar[float] = 60
    stop_limit: ClassVar[float] = 40

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "server.log"
        self._fixed = {"port": port} if port else {}
        self._process = DetachedProcess(self.folder / "server.pid")
        self.ports: dict[str, int] = self._recall_ports() or self._choose_ports()

    def _recall_ports(self) -> dict[str, int]:
        """Return the ports of last time; empty where they do not fit and nothing runs on them."""
        known = read_kept_ports(self.folder / "ports.json")
        fits = known.keys() == set(self.port_names) and known == {**known, **self._fixed}
        return known if fits or self.is_running() else {}

    def _choose_ports(self) -> dict[str, int]:
        memory = self.folder / "ports.json"
        return keep_ports(memory, names=self.port_names, fixed=self._fixed)

    @property
    def port(self) -> int:
        return self.ports["port"]

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients find it."""

    @abstractmethod
    def build_command(self) -> list[str | Path]: ...

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether a real handshake succeeds; an open port is too early a sign."""

    def prepare(self) -> None:  # noqa: B027 - most servers need nothing
        """Write what the program needs before it starts."""

    def build_environment(self) -> dict[str, str]:
        return dict(os.environ)

    def choose_user(self) -> str | None:
        """Return the user to run as when this process is root; None for the same user."""
        return None

    @property
    def pid(self) -> int | None:
        process = self._process.find()
        return process.pid if process else None

    def is_running(self) -> bool:
        return self._process.find() is not None

    def start(self) -> bool:
        """Start it unless it runs, and return when it answers; True if it was started now.

        Raises CannotRun with the end of the log when it does not come up.
        """
        fresh = not self.is_running()
        if fresh:
            self.ports = self._choose_ports()
            self._refuse_taken_ports()
            self.prepare()
            self._launch()
        try:
            self._wait_until_ready()
        except CannotRun:
            if fresh:
                self.kill()  # half a server would hold the port and pass for a running one
            raise
        return fresh

    def _refuse_taken_ports(self) -> None:
        for port in self.ports.values():
            if not is_free_port(port):
                raise CannotRun(f"{self.title}: port {port} is taken by another program")

    def _launch(self) -> None:
        self._process.start(
            self.build_command(),
            log=self.log,
            environment=self.build_environment(),
            folder=self.folder,
            user=self.choose_user(),
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_limit
        while not self.answers():
            if not self.is_running():
                raise CannotRun(f"{self.title} ended while it started.\n{self._read_log_tail()}")
            if time.monotonic() >= deadline:
                raise CannotRun(
                    f"{self.title} did not answer on port {self.port} within "
                    f"{self.start_limit:.0f} s.\n{self._read_log_tail()}"
                )
            time.sleep(0.05)

    def _read_log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"The end of {self.log}:", *lines])

    def stop(self) -> None:
        """End it in order; harmless when it is down."""
        self._process.stop(number=self.stop_signal, limit=self.stop_limit)

    def kill(self) -> None:
        """End it and its children with SIGKILL, as a crash would. start() brings it back."""
        self._process.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers, until resume()."""
        self._process.signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.signal_all(signal.SIGCONT)
