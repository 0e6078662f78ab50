"""The runner of the whole stack, with small scripts in the place of the real roles."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.ports import pick_free_port
from deploy.local.role_process import RoleProcess
from deploy.local.roles import Role

PROJECT = Path(__file__).parents[2]

# Runs a stack whose roles come as Python sources: NAME=SOURCE, the first of them to its end.
RUNNER = """
import os, sys
from pathlib import Path
from deploy.local.errors import CannotRun
from deploy.local.roles import Role
from deploy.local.stack import Stack, run_stack, tell
folder, port, *sources = sys.argv[1:]
roles = tuple(
    Role(name=name, command=(sys.executable, "-c", source))
    for name, _, source in (text.partition("=") for text in sources)
)
stack = Stack(first=roles[:1], roles=roles[1:], environment=dict(os.environ), ports=(int(port),),
              folder=Path(folder))
try:
    raise SystemExit(run_stack(stack, on_live=lambda stack: tell("live")))
except CannotRun as error:
    raise SystemExit(str(error))
"""
SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
WEB = """
import http.server, sys
class Live(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", PORT), Live).serve_forever()
"""


class Runner:
    """The runner as a process, its output line by line."""

    def __init__(self, folder: Path, *sources: str, port: int = 0) -> None:
        self.folder = folder
        self.port = port or pick_free_port()
        self.output = folder.with_name("output")
        self.output.parent.mkdir(exist_ok=True)
        with self.output.open("w") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own runner
                [sys.executable, "-c", RUNNER, str(folder), str(self.port), *sources],
                cwd=PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def read_pid(self, role: str) -> int:
        """Return the pid in the role's file, 0 while there is none."""
        record = self.folder / f"{role}.pid"
        return int(record.read_text() or 0) if record.exists() else 0

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(15)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(15)


StartRunner = Callable[..., Runner]


@pytest.fixture
def start_runner(tmp_path: Path) -> Iterator[StartRunner]:
    runners: list[Runner] = []

    def start(*sources: str, port: int = 0) -> Runner:
        runners.append(Runner(tmp_path / "stack", *sources, port=port))
        return runners[-1]

    yield start
    for runner in runners:
        runner.end()


def wait_for(condition: Callable[[], object], limit: float = 10) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def is_alive_pid(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_the_first_role_runs_to_its_end_before_the_others(start_runner: StartRunner) -> None:
    runner = start_runner("migrate=print('done')", "a=print('up');" + SLEEP)
    wait_for(lambda: "a            | up" in runner.output.read_text())
    lines = runner.output.read_text().splitlines()
    assert lines[0] == "migrate      | done"


def test_a_failed_first_role_starts_nothing(start_runner: StartRunner) -> None:
    runner = start_runner("migrate=raise SystemExit(3)", "a=print('up')")
    assert runner.wait() == 1
    assert runner.output.read_text().splitlines() == [
        "stack        | migrate failed (exit code 3): nothing was started"
    ]


def test_a_killed_role_is_started_again_with_its_children_gone(start_runner: StartRunner) -> None:
    parent = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('child', child.pid);" + SLEEP
    )
    runner = start_runner("migrate=", f"a={parent}", f"b={SLEEP}")
    wait_for(lambda: "child" in runner.output.read_text() and runner.read_pid("b"))
    child = int(runner.output.read_text().split("child ")[1].split()[0])
    first, untouched = runner.read_pid("a"), runner.read_pid("b")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: runner.read_pid("a") not in {0, first})
    assert not is_alive_pid(child)
    assert runner.read_pid("b") == untouched
    assert "a ended (SIGKILL); starts again in 0.5 s" in runner.output.read_text()


def test_the_pause_grows_with_every_death(start_runner: StartRunner) -> None:
    runner = start_runner("migrate=", "a=raise SystemExit(4)")
    wait_for(lambda: "a ended (exit code 4); starts again in 2 s" in runner.output.read_text())
    text = runner.output.read_text()
    assert text.index("again in 0.5 s") < text.index("again in 1 s") < text.index("again in 2 s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_every_role_and_exits_with_0(
    start_runner: StartRunner, number: signal.Signals
) -> None:
    runner = start_runner("migrate=", f"a={SLEEP}", f"b={SLEEP}")
    wait_for(lambda: runner.read_pid("a") and runner.read_pid("b"))
    pids = [runner.read_pid("a"), runner.read_pid("b")]
    runner.send(number)
    assert runner.wait() == 0
    assert not any(map(is_alive_pid, pids))
    assert list(runner.folder.glob("*.pid")) == []


def test_a_second_signal_kills_what_will_not_stop(start_runner: StartRunner) -> None:
    runner = start_runner("migrate=", f"a={STUBBORN}")
    wait_for(lambda: runner.read_pid("a"))
    time.sleep(0.5)  # until it ignores SIGTERM
    pid = runner.read_pid("a")
    runner.send(signal.SIGTERM)
    time.sleep(0.3)
    assert is_alive_pid(pid)
    runner.send(signal.SIGTERM)
    assert runner.wait() == 0
    assert not is_alive_pid(pid)


def test_a_taken_port_is_one_line_before_anything_starts(
    start_runner: StartRunner, tmp_path: Path
) -> None:
    port = pick_free_port()
    holder = start_runner("migrate=", f"web={WEB}".replace("PORT", str(port)), port=port)
    wait_for(lambda: "live" in holder.output.read_text())
    taken = Runner(tmp_path / "other/stack", "migrate=print('ran')", port=port)
    assert taken.wait() == 1
    assert taken.output.read_text().startswith(f"port {port} is taken")
    assert "ran" not in taken.output.read_text()


def test_the_next_stack_ends_what_a_killed_runner_left(start_runner: StartRunner) -> None:
    runner = start_runner("migrate=", f"a={SLEEP}")
    wait_for(lambda: runner.read_pid("a"))
    orphan = runner.read_pid("a")
    runner.send(signal.SIGKILL)
    runner.wait()
    assert is_alive_pid(orphan)
    following = start_runner("migrate=", f"b={SLEEP}")
    wait_for(lambda: following.read_pid("b"))
    assert not is_alive_pid(orphan)
    assert "a was left running by an earlier stack: killed" in following.output.read_text()


def test_a_pid_file_of_a_stranger_is_not_believed(
    start_runner: StartRunner, tmp_path: Path
) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack/a.pid").write_text(f"{os.getpid()}\n")
    runner = start_runner("migrate=", f"b={SLEEP}")
    wait_for(lambda: runner.read_pid("b"))
    assert not (tmp_path / "stack/a.pid").exists()


def test_a_single_role_can_be_started_killed_and_started_again(tmp_path: Path) -> None:
    lines: list[str] = []
    role = Role(
        name="one",
        command=(sys.executable, "-c", "import os; print(os.environ['A']);" + SLEEP),
        environment={"A": "value"},
    )
    process = RoleProcess(role, environment=dict(os.environ), folder=tmp_path, emit=lines.append)
    process.start()
    wait_for(lambda: lines == ["value"])
    assert process.kill() == -signal.SIGKILL
    assert not process.is_running()
    process.start()
    wait_for(lambda: lines == ["value", "value"])
    assert (tmp_path / "one.pid").read_text() == f"{process.pid}\n"
    assert process.stop(limit=5) == -signal.SIGTERM
