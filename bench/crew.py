"""The processes of one variant: started together, measured together, ended together."""

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.errors import CannotRun
from deploy.local.role_process import RoleProcess
from deploy.local.roles import Role

PROJECT = Path(__file__).parents[1]
KEPT_LINES = 8


class Crew:
    """Processes by name. Their pids are kept in `folder`, so that a killed run's can be found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, RoleProcess] = {}
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    def start(self, role: Role, *, environment: Mapping[str, str]) -> None:
        """Start one more process, in the project's folder."""
        process = RoleProcess(
            role,
            environment=environment,
            folder=self.folder,
            emit=lambda line: self._lines.append(f"{role.name}: {line}"),
            working_directory=PROJECT,
        )
        process.start()
        self._processes[role.name] = process

    def run(self, role: Role, *, environment: Mapping[str, str], limit: float = 120) -> None:
        """Run a process to its end; CannotRun when it fails or takes longer than `limit`."""
        self.start(role, environment=environment)
        process = self._processes.pop(role.name)
        ended = process.wait(limit=limit)
        code = process.kill()
        if code or not ended:
            raise CannotRun(f"{role.name} failed (exit code {code})\n{self.tell_last_lines()}")

    def list_pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    def wait_until(self, reached: Callable[[], bool], *, what: str, limit: float) -> float:
        """Wait for a condition and return the seconds it took.

        Raises CannotRun after `limit` seconds, or when a process has ended.
        """
        begun_at = time.monotonic()
        while not reached():
            self._refuse_ended()
            if time.monotonic() - begun_at > limit:
                raise CannotRun(f"{what}: not within {limit:g} s\n{self.tell_last_lines()}")
            time.sleep(0.02)
        return time.monotonic() - begun_at

    def _refuse_ended(self) -> None:
        ended = [name for name, each in self._processes.items() if not each.is_running()]
        if ended:
            raise CannotRun(f"{', '.join(ended)} ended by itself\n{self.tell_last_lines()}")

    def tell_last_lines(self) -> str:
        return "\n".join(self._lines)

    def stop(self) -> None:
        """End all of them; what does not go in a few seconds is killed."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda process: process.stop(limit=5), self._processes.values()))
        self._processes.clear()


def python_role(name: str, *arguments: str, **environment: str) -> Role:
    """Return a role that runs this interpreter."""
    return Role(name=name, command=(sys.executable, *arguments), environment=environment)
