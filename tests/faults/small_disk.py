"""A disk that is small enough to be filled: a tmpfs of our own."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.local.errors import CannotRun

STEP = 8192  # a page of PostgreSQL


class SmallDisk:
    """A mounted tmpfs; `fill` leaves nothing free, `free` gives all of it back."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    def fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(b"\0" * STEP) == STEP:
                pass

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def mount_small_disk(place: Path, *, megabytes: int, user: str | None) -> Iterator[SmallDisk]:
    """Yield a disk in the folder `place`, made for it; it is unmounted and gone in every case."""
    if os.geteuid() != 0:
        raise CannotRun("a full disk needs root: only root may mount a tmpfs")
    place.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "notifier-faults", place)
    try:
        if user:
            shutil.chown(place, user, user)
        yield SmallDisk(place)
    finally:
        _run("umount", "--lazy", place)  # also while a server still has files open
        place.rmdir()


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # constant programs, no shell
    if done.returncode:
        raise CannotRun(f"{command[0]} failed: {done.stderr.strip()}")
