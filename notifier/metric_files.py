"""What the processes of one role have counted, added up over PROMETHEUS_MULTIPROC_DIR.

Each process keeps files of its own there. Those of processes that ended are merged into one of
each kind: what they counted stays counted, and the number of files stays that of the processes.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_ENDED: Final = "ended"  # in place of a process id


def prepare_directory() -> Path | None:
    """Return the directory that this role's processes share, made if need be; None for none."""
    if not os.environ.get(VARIABLE):
        return None
    directory = Path(os.environ[VARIABLE])
    directory.mkdir(parents=True, exist_ok=True)
    return directory


DIRECTORY: Final = prepare_directory()


class _FilesCollector:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        with _alone_in(self._directory):
            _merge_ended(self._directory)
            # A file is empty for the moment between being made and being given its size.
            files = [str(path) for path in self._directory.glob("*.db") if path.stat().st_size]
            merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]  # the library's
            return list(merged)


def open_registry() -> CollectorRegistry:
    """Return a registry of what this role's processes have counted, or this process alone."""
    if DIRECTORY is None:
        return REGISTRY
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FilesCollector(DIRECTORY))
    return registry


def merge_ended() -> None:
    """Merge the files of processes that ended: for a process that begins, when nobody scrapes."""
    if DIRECTORY is not None:
        with _alone_in(DIRECTORY):
            _merge_ended(DIRECTORY)


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Between the merged file and the removal of its sources everything is there twice."""
    with (directory / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:  # closing is not enough: a child that was forked meanwhile has it open, too
            fcntl.flock(handle, fcntl.LOCK_UN)


def _merge_ended(directory: Path) -> None:
    for kind in ("counter", "histogram"):
        ended = [path for path in directory.glob(f"{kind}_*.db") if _has_ended(path)]
        if ended:
            _merge_files(ended, into=directory / f"{kind}_{_ENDED}.db")


def _has_ended(path: Path) -> bool:
    process = path.stem.rpartition("_")[2]
    if process == _ENDED:
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # it is there, and another user's
    return False


def _merge_files(files: list[Path], *, into: Path) -> None:
    sums: dict[str, float] = defaultdict(float)
    for path in [*files, into]:
        for key, value in _read_values(path):
            sums[key] += value
    fresh = into.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    merged = MmapedDict(str(fresh))  # type: ignore[no-untyped-call]  # the library's
    for key, value in sums.items():
        merged.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]  # the library's
    merged.close()  # type: ignore[no-untyped-call]  # the library's
    fresh.replace(into)
    for path in files:
        path.unlink()


def _read_values(path: Path) -> Iterator[tuple[str, float]]:
    if not path.exists() or not path.stat().st_size:
        return
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]  # the library's
        yield key, value
