"""The state machine in SQL, in its other dialect."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.transitions.rows import needs_postgresql

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[3]


@needs_postgresql
def test_all_this_holds_on_sqlite_too(tmp_path: Path) -> None:
    """Run this folder in a process on SQLite; what needs a second writer is skipped there."""
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "CACHE_URL": "",
    }
    # The other conftests are about the servers.
    here = str(Path(__file__).parent)
    options = (f"--confcutdir={here}", "-o", "addopts=", "-q", "-p", "no:cacheprovider")
    run = subprocess.run(  # noqa: S603  # this very folder
        [sys.executable, "-m", "pytest", *options, here],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert " passed, 8 skipped" in run.stdout, run.stdout
