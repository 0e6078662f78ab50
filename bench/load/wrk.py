"""The closed-loop generator of every web variant: wrk with one thread and kept connections."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import CannotRun

SCRIPT = Path(__file__).with_name("order.lua")
CONNECTIONS = 16
# A cold server on a busy machine may not answer within the first.
WARM_UPS = 10


@dataclass(frozen=True, kw_only=True)
class HttpOrder:
    """What is asked, again and again.

    `@VALUE@` stands for each of `values` in turn and `@NUMBER@` for the request's number: in the
    path, or, where there is a body, in the body.
    """

    port: int
    method: str
    path: str
    header: str
    body: str = ""
    values: Sequence[str] = ("-",)


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What the generator saw; latencies are in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    lost: int

    def list_figures(self) -> dict[str, float]:
        return {"rate": self.rate, "p50_ms": self.p50_ms, "p99_ms": self.p99_ms}

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def send_load(order: HttpOrder, *, seconds: float, folder: Path) -> LoadReport:
    """Send for so long over 16 connections; CannotRun unless every answer was a success."""
    program = shutil.which("wrk")
    if program is None:
        raise CannotRun("wrk is not installed")
    path = folder / "order.txt"
    path.touch(mode=0o600)  # it holds a credential
    unique = secrets.token_hex(4)
    body = order.body.replace("@NUMBER@", f"{unique}-@NUMBER@")
    path.write_text("\n".join([order.method, order.path, order.header, body, *order.values]))
    options = ("-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s")
    done = subprocess.run(  # noqa: S603  # our own arguments
        [program, *options, "-s", SCRIPT, f"http://127.0.0.1:{order.port}", "--", path],
        capture_output=True,
        text=True,
        check=False,
    )
    return _read_report(done.stdout + done.stderr)


def warm_up(order: HttpOrder, *, seconds: float, folder: Path) -> int:
    """Send until answers come and return how many came; CannotRun when none ever do."""
    for _ in range(WARM_UPS):
        if answered := send_load(order, seconds=seconds, folder=folder).requests:
            return answered
    raise CannotRun(f"no answer in {WARM_UPS * seconds:g} s")


def _read_report(text: str) -> LoadReport:
    line = next((each for each in text.splitlines() if each.startswith("ORDER ")), None)
    if line is None:
        raise CannotRun(f"wrk failed:\n{text[-500:]}")
    report = LoadReport(**json.loads(line.removeprefix("ORDER ")))
    if report.refused or report.lost:
        raise CannotRun(f"not every request was answered with a success: {report}")
    return report
