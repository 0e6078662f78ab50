"""Programs that outlive their starter and are found again through a file."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
POLL_SECONDS = 0.02


class ProcessId(NamedTuple):
    """A pid with its start time: a pid alone may be somebody else's by the time it is used."""

    pid: int
    started: int


class ProcessState(NamedTuple):
    parent: int
    started: int


def read_process_state(pid: int) -> ProcessState | None:
    """Read /proc/PID/stat (proc(5)); None when there is no such process, or only its zombie."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The program's name, in parentheses, may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    state, threads = fields[0], int(fields[17])
    # A zombie with threads is one whose first thread has ended: the others still hold its ports.
    if state in "ZX" and threads <= 1:
        return None
    return ProcessState(parent=int(fields[1]), started=int(fields[19]))


def is_alive(process: ProcessId) -> bool:
    found = read_process_state(process.pid)
    return found is not None and found.started == process.started


def list_descendants(pid: int) -> Iterator[ProcessId]:
    """Yield the living children of `pid` and theirs, whatever session they moved to.

    PostgreSQL's backends each make a session of their own, so a signal to the group misses them.
    """
    states = {
        int(entry.name): read_process_state(int(entry.name))
        for entry in PROC.iterdir()
        if entry.name.isdigit()
    }
    parents = [pid]
    for parent in parents:
        for child, state in states.items():
            if state is not None and state.parent == parent:
                parents.append(child)
                yield ProcessId(child, state.started)


def send_signal(process: ProcessId, number: int) -> None:
    """Send a signal; one that is gone already needs none."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


class DetachedProcess:
    """One program in a session of its own, remembered in `record` by pid and start time."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._child: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        folder: Path,
        user: str | None = None,
    ) -> None:
        """Start `command`, its output appended to `log`; `user` only when this process is root."""
        with log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603 - the caller's own program, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user else None,
            )
        self._remember(self._child.pid)

    def _remember(self, pid: int) -> None:
        state = read_process_state(pid)
        if state is not None:
            self._record.write_text(f"{pid} {state.started}\n")

    def find(self) -> ProcessId | None:
        """Return the running process, or None; a recycled pid is not taken for it."""
        if self._child is not None:
            self._child.poll()
        try:
            pid, started = self._record.read_text().split()
        except (OSError, ValueError):
            return None
        process = ProcessId(int(pid), int(started))
        return process if is_alive(process) else None

    def signal_all(self, number: int) -> None:
        """Send a signal to the process and all its descendants, the process first."""
        process = self.find()
        if process is None:
            return
        descendants = list(list_descendants(process.pid))
        for one in (process, *descendants):
            send_signal(one, number)

    def wait_until_gone(self, limit: float) -> bool:
        """Wait at most `limit` seconds; tell whether the process is gone."""
        deadline = time.monotonic() + limit
        while self.find() is not None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        if self._child is not None:
            self._child.poll()  # it may have died after find() had asked: nobody else reaps it
        self._record.unlink(missing_ok=True)
        return True

    def stop(self, *, number: int, limit: float) -> None:
        """Ask the process to end with signal `number`; after `limit` seconds kill what is left."""
        process = self.find()
        if process is None:
            return
        descendants = list(list_descendants(process.pid))
        send_signal(process, signal.SIGCONT)  # a paused one would never hear the request
        for one in descendants:
            send_signal(one, signal.SIGCONT)
        send_signal(process, number)
        if not self.wait_until_gone(limit):
            self.kill()
        for one in descendants:
            send_signal(one, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and its descendants with SIGKILL, as a crash would."""
        self.signal_all(signal.SIGKILL)
        self.wait_until_gone(10)
