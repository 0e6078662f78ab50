"""Where Chromium is, and how it comes here: as Debian's package, like the servers."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.local.packages import ServerPackage


def find_chromium() -> Path | None:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    return Path(found) if found else None


@dataclass(frozen=True)
class BrowserPackage(ServerPackage):
    """No server, but installed in the same way."""

    def is_missing(self) -> bool:
        return find_chromium() is None


CHROMIUM = BrowserPackage("Chromium", "chromium")
