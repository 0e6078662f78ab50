"""A clock that is wrong for some processes: libfaketime, told by a file while they run."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import CannotRun
from deploy.local.packages import ServerPackage, install_missing

LIBRARIES = Path("/usr/lib")
# Threads' library: the plain one is not safe in a process that has several.
LIBRARY = "*/faketime/libfaketimeMT.so.1"
LEARNED_WITHIN_SECONDS = 1


@dataclass(frozen=True)
class ClockPackage(ServerPackage):
    """No server, but installed like one."""

    def is_missing(self) -> bool:
        return _find_library() is None


LIBFAKETIME = ClockPackage("libfaketime", "faketime")


class WrongClock:
    """The clock of whoever is started with `settings()`; it may jump at any time."""

    def __init__(self, file: Path) -> None:
        """Raises CannotRun where libfaketime neither is there nor can be installed."""
        install_missing([LIBFAKETIME])
        library = _find_library()
        if library is None:
            raise CannotRun(f"libfaketime is installed, but not as {LIBRARIES / LIBRARY}")
        self._library = library
        self._file = file
        self.jump(0)

    def jump(self, offset_seconds: int) -> None:
        """Be so far from the true time, for everybody within LEARNED_WITHIN_SECONDS."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{offset_seconds:+d}\n")
        draft.rename(self._file)

    def settings(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(LEARNED_WITHIN_SECONDS),
            # A wrong clock is one that was set; none runs backwards between two looks at it.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def _find_library() -> Path | None:
    return next(LIBRARIES.glob(LIBRARY), None)
