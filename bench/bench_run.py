"""What a variant is given to run in: the ground, its sizes, and the window that it measures."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.crew import Crew
from bench.ground import Ground
from bench.measured import Measured
from bench.sizes import Sizes
from bench.usage import CpuWatch

PROFILE_SECONDS = 3


@dataclass(kw_only=True)
class BenchRun:
    """One invocation of the benchmarks."""

    ground: Ground
    sizes: Sizes
    profiles: Path | None = None
    tell: Callable[[str], None] = lambda _line: None
    # What was prepared once for all variants, by its name: see bench.product.
    prepared: dict[str, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def window(self, crew: Crew, *, profile_as: str = "", **others: int) -> Iterator[CpuWatch]:
        """Watch the servers, the crew and `others` (name=pid) for as long as the block runs."""
        self.ground.settle()
        profilers = self._profile(crew, profile_as) if profile_as else []
        roots = {**self.ground.list_pids(), **crew.list_pids(), **others}
        yield CpuWatch(roots, find_later=crew.list_pids)
        for profiler in profilers:
            profiler.wait(timeout=60)

    def _profile(self, crew: Crew, name: str) -> list[subprocess.Popen[bytes]]:
        """Start py-spy on each of the crew's processes, where profiles are wanted."""
        if self.profiles is None:
            return []
        self.profiles.mkdir(parents=True, exist_ok=True)
        program = str(Path(sys.executable).with_name("py-spy"))
        options = ["--subprocesses", "--nonblocking", "--duration", str(PROFILE_SECONDS)]
        command = [program, "record", *options]
        return [
            subprocess.Popen(  # noqa: S603  # our own arguments
                [*command, "-o", str(self.profiles / f"{name}-{role}.svg"), "-p", str(pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for role, pid in crew.list_pids().items()
        ]


Variant = Callable[[BenchRun], Measured]
