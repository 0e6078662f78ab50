"""The README's quick start, word for word, on a copy of the checkout."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.configuration import SETTINGS
from tests.e2e.test_embedded import PROJECT, START_SECONDS, STOP_SECONDS, Embedded

SECTION = (
    (PROJECT / "README.md").read_text().partition("## Quick start\n")[2].partition("\n## ")[0]
)
START, ORDER = re.findall(r"^```sh\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
(ANSWER,) = re.findall(r"^```json\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
LEFT_OUT = shutil.ignore_patterns(".venv", "var", ".git", ".*_cache", "__pycache__")
OF_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # the tests may be run by one


class Newcomer(Embedded):
    """Somebody who has just cloned the repository and does what the README says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.checkout = folder / "checkout"
        shutil.copytree(PROJECT, self.checkout, ignore=LEFT_OUT)
        _lend_environment(self.checkout / ".venv")

    def environment(self) -> dict[str, str]:
        ours = {setting.name for setting in SETTINGS} | {"NOTIFIER_VAR_DIR"} | OF_MAKE
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        return {**kept, "PORT": str(self.port), "PYTHONUNBUFFERED": "1"}

    def start(self) -> None:
        with self.log.open("w") as output:
            self.process = subprocess.Popen(  # noqa: S603  # what the README says
                ["/bin/sh", "-c", START],
                cwd=self.checkout,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.wait_until(lambda: "Ctrl-C stops." in self.log.read_text(), limit=2 * START_SECONDS)
        self.wait_until(self.answers, limit=START_SECONDS)

    def paste(self, command: str) -> dict[str, Any]:
        """Run it in another terminal, with the key that was printed and the port that is free."""
        filled = command.replace("ntf_live_…", self.key).replace(":8000/", f":{self.port}/")
        done = subprocess.run(  # noqa: S603  # what the README says
            ["/bin/sh", "-c", filled], capture_output=True, text=True, timeout=20, check=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def end(self, number: signal.Signals) -> int:
        """As the terminal does: to the shell, make and Notifier."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.process.wait(4 * STOP_SECONDS)  # a machine full of tests


def _lend_environment(folder: Path) -> None:
    """Give the checkout this Python with its packages, so that nothing is downloaded again."""
    folder.mkdir()
    for entry in Path(sys.prefix).iterdir():
        (folder / entry.name).symlink_to(entry)
    stamp = folder / ".runtime"  # by which make knows that the environment is complete
    stamp.unlink(missing_ok=True)
    stamp.touch()


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    somebody = Newcomer(tmp_path)
    yield somebody
    if somebody.process is not None and somebody.process.poll() is None:
        somebody.end(signal.SIGKILL)


def test_the_quick_start_of_the_readme_leads_to_a_mail_in_the_inbox(newcomer: Newcomer) -> None:
    newcomer.start()
    answer = newcomer.paste(ORDER)
    assert answer["message"] == "Notification accepted", answer
    assert answer["data"].keys() == json.loads(ANSWER)["data"].keys()
    newcomer.wait_until(lambda: "Welcome, Ada" in newcomer.inbox(), limit=10)
    assert "ada@example.org" in newcomer.inbox()
    newcomer.end(signal.SIGINT)
    told = newcomer.log.read_text()
    assert "Stopped. What was accepted is kept" in told
    assert "Traceback" not in told
    assert "[warning" not in told
