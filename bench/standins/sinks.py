"""Where mails and pushes end and are counted, as processes that a variant starts."""

import contextlib
import http.client
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from bench.crew import PROJECT
from deploy.local.errors import CannotRun
from deploy.local.ports import is_free_port, pick_free_port
from deploy.local.processes import DetachedProcess

COUNTER = re.compile(rb"mesg=(\d+)")
COUNTER_BYTES = 200  # more than one line of smtp-sink's counters
BACKLOG = "1000"


class Sink(Protocol):
    """Counts what arrived."""

    pid: int

    def count(self) -> int: ...


class PlainSink:
    """Postfix's smtp-sink, the fastest there is; it writes a counter for each mail."""

    def __init__(self, *, port: int, output: Path, pid: int) -> None:
        self.port = port
        self.pid = pid
        self._output = output

    def count(self) -> int:
        with self._output.open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - COUNTER_BYTES))
            found = COUNTER.findall(output.read())
        return int(found[-1]) if found else 0


class JournalSink:
    """Our own sink, which notes when each mail arrived and the mark in its subject."""

    def __init__(self, *, port: int, journal: Path, pid: int) -> None:
        self.port = port
        self.pid = pid
        self._journal = journal
        self._read_bytes = 0
        self._arrivals: dict[str, float] = {}
        self._count = 0

    def read_arrivals(self) -> dict[str, float]:
        """Return mark → the time of its first arrival by CLOCK_MONOTONIC."""
        for line in self._read_new_lines():
            at, _, mark = line.partition(" ")
            self._arrivals.setdefault(mark, float(at))
            self._count += 1
        return self._arrivals

    def count(self) -> int:
        self.read_arrivals()
        return self._count

    def _read_new_lines(self) -> list[str]:
        if not self._journal.exists():
            return []
        with self._journal.open("rb") as journal:
            journal.seek(self._read_bytes)
            text = journal.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return whole.decode().splitlines()


class PushService:
    """A stand-in for FCM that takes everything after a fixed time."""

    def __init__(self, *, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/count")
            return int(connection.getresponse().read())
        finally:
            connection.close()


@contextlib.contextmanager
def run_plain_sink(folder: Path) -> Iterator[PlainSink]:
    """Yield a running smtp-sink; CannotRun when it is not installed."""
    program = shutil.which("smtp-sink")
    if program is None:
        raise CannotRun("smtp-sink is not installed (Debian: postfix)")
    port = pick_free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program, "-c", *user, f"127.0.0.1:{port}", BACKLOG]
    with _run_standin(command, port=port, output=folder / "smtp-sink.out") as pid:
        yield PlainSink(port=port, output=folder / "smtp-sink.out", pid=pid)


@contextlib.contextmanager
def run_journal_sink(folder: Path) -> Iterator[JournalSink]:
    port = pick_free_port()
    journal = folder / "arrivals.txt"
    journal.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.standins.mail_sink", str(port), str(journal)]
    with _run_standin(command, port=port, output=folder / "mail-sink.out") as pid:
        yield JournalSink(port=port, journal=journal, pid=pid)


@contextlib.contextmanager
def run_push_service(folder: Path, *, latency_ms: int) -> Iterator[PushService]:
    port = pick_free_port()
    command = [sys.executable, "-m", "bench.standins.push_service", str(port), str(latency_ms)]
    with _run_standin(command, port=port, output=folder / "push-service.out") as pid:
        yield PushService(port=port, pid=pid)


@contextlib.contextmanager
def _run_standin(command: list[str], *, port: int, output: Path) -> Iterator[int]:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.unlink(missing_ok=True)
    process = DetachedProcess(output.with_suffix(".pid"))
    process.kill()  # what a killed run left behind
    if not is_free_port(port):
        raise CannotRun(f"port {port} is taken")
    process.start(command, log=output, environment=os.environ, folder=PROJECT)
    try:
        _wait_for_listener(process, port, output)
        found = process.find()
        yield found.pid if found else 0
    finally:
        process.kill()


def _wait_for_listener(process: DetachedProcess, port: int, output: Path) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.find() is None:
            break
        process.wait_until_gone(0.02)
    raise CannotRun(f"a stand-in did not start: {output.read_text(errors='replace')[-500:]}")
