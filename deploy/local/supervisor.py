"""Keeps a set of roles running until it is told to stop."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType

from deploy.local.role_process import RoleProcess

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0
STOP_LIMIT = 30.0
POLL_SECONDS = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Ctrl-C, SIGTERM or a closed terminal: the first asks to stop, the second to stop at once."""

    def __init__(self) -> None:
        self._first = threading.Event()
        self._second = threading.Event()

    def listen(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        (self._second if self._first.is_set() else self._first).set()

    def is_made(self) -> bool:
        return self._first.is_set()

    def is_urgent(self) -> bool:
        return self._second.is_set()

    def wait(self, seconds: float) -> bool:
        return self._first.wait(seconds)


class Watched:
    """A role's process with the pause before its next start.

    The pause doubles with every death and is short again after a while of health, so that a role
    that cannot run does not eat the machine, and one that died once is back at once.
    """

    def __init__(self, process: RoleProcess, *, tell: Callable[[str], None]) -> None:
        self.process = process
        self._tell = tell
        self._pause = FIRST_PAUSE
        self._started_at = 0.0
        self._start_at: float | None = None

    def start(self, *, now: float) -> None:
        self._start_at = None
        self._started_at = now
        self.process.start()

    def watch(self, *, now: float) -> None:
        """Notice the process's end, or start it again when its pause is over."""
        if self._start_at is not None:
            if now >= self._start_at:
                self.start(now=now)
        elif not self.process.is_running():
            self._note_end(now=now)

    def _note_end(self, *, now: float) -> None:
        code = self.process.kill()  # also children that outlived it: they would hold its port
        if now - self._started_at >= HEALTHY_AFTER:
            self._pause = FIRST_PAUSE
        name = self.process.role.name
        self._tell(f"{name} ended ({_describe_exit(code)}); starts again in {self._pause:g} s")
        self._start_at = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def supervise(
    processes: Iterable[RoleProcess],
    *,
    request: StopRequest,
    tell: Callable[[str], None],
    on_tick: Callable[[], None],
) -> None:
    """Start `processes`, start again whichever ends, and return when all have stopped.

    `on_tick` is called about ten times a second while they run.
    """
    watched = [Watched(process, tell=tell) for process in processes]
    try:
        for one in watched:
            one.start(now=time.monotonic())
        while not request.wait(POLL_SECONDS):
            on_tick()
            for one in watched:
                one.watch(now=time.monotonic())
    finally:
        stop_all([one.process for one in watched], request=request, tell=tell)


def stop_all(
    processes: list[RoleProcess], *, request: StopRequest, tell: Callable[[str], None]
) -> None:
    """SIGTERM to all at once; kill what still runs after STOP_LIMIT or at an urgent request."""
    tell("stopping")
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_LIMIT
    while _any_runs(processes) and time.monotonic() < deadline and not request.is_urgent():
        time.sleep(POLL_SECONDS)
    for process in processes:
        if process.is_running():
            tell(f"{process.role.name} did not stop: killed")
        process.kill()
    tell("stopped")


def _any_runs(processes: list[RoleProcess]) -> bool:
    return any(process.is_running() for process in processes)
