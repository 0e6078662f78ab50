"""A role as a running process whose output is handed on line by line."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from deploy.local.processes import PROC
from deploy.local.roles import Role

# Marks a role's environment with the folder of its pid file, so that what a killed runner left
# behind can be told from everything else.
MARK = "NOTIFIER_ROLE_FOLDER"


class RoleProcess:
    """One role, started in a session of its own; its pid is in `folder`/NAME.pid while it runs.

    `emit` gets every line it prints, from a thread. Starting again after the end is allowed.
    """

    def __init__(
        self,
        role: Role,
        *,
        environment: Mapping[str, str],
        folder: Path,
        emit: Callable[[str], object],
        working_directory: Path | None = None,
    ) -> None:
        self.role = role
        self._environment = {
            **environment,
            **role.environment,
            "PYTHONUNBUFFERED": "1",  # or the lines of a pipe arrive in blocks
            MARK: str(folder.resolve()),
        }
        self._record = folder / f"{role.name}.pid"
        self._emit = emit
        self._working_directory = working_directory
        self._child: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        self._record.parent.mkdir(parents=True, exist_ok=True)
        child = subprocess.Popen(  # noqa: S603 - commands of roles.py or of a test, no shell
            self.role.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self._environment,
            cwd=self._working_directory,
            start_new_session=True,
        )
        self._child = child
        self._record.write_text(f"{child.pid}\n")
        self._reader = threading.Thread(target=self._hand_on, args=[child.stdout], daemon=True)
        self._reader.start()

    def _hand_on(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._emit(line.rstrip("\n"))

    @property
    def pid(self) -> int:
        """The pid of the latest start; 0 before the first."""
        return self._child.pid if self._child else 0

    def is_running(self) -> bool:
        """Tell whether it runs; never reaps it, so that its group's number stays ours to kill."""
        if self._child is None or self._child.returncode is not None:
            return False
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._child.pid, options) is None

    def terminate(self) -> None:
        """Ask the role's own process to end; its children are its business."""
        if self._child and self.is_running():
            os.kill(self._child.pid, signal.SIGTERM)

    def stop(self, *, limit: float = 30) -> int:
        """Ask it to end, wait `limit` seconds, then kill what is left; return the exit code."""
        self.terminate()
        self.wait(limit=limit)
        return self.kill()

    def wait(self, *, limit: float) -> bool:
        """Wait at most `limit` seconds for its end; tell whether it ended."""
        deadline = time.monotonic() + limit
        while self.is_running():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def kill(self) -> int:
        """Kill -9 the whole process group, also after its leader's death; return the exit code.

        The code is negative for a signal; harmless when it was killed before.
        """
        if self._child is None or self._child.returncode is not None:
            return self._child.returncode if self._child else 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        code = self._child.wait()
        if self._reader:
            self._reader.join(5)
        self._record.unlink(missing_ok=True)
        return code


def end_leftover_roles(folder: Path) -> list[str]:
    """Kill roles that a killed runner left behind and return their names.

    A pid file alone proves nothing (pids are used again): the process must carry our mark.
    """
    ended = []
    for record in sorted(folder.glob("*.pid")):
        pid = int(record.read_text() or 0)
        if pid and _carries_mark(pid, folder):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            ended.append(record.stem)
        record.unlink(missing_ok=True)
    return ended


def _carries_mark(pid: int, folder: Path) -> bool:
    try:
        variables = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{MARK}={folder.resolve()}".encode() in variables
