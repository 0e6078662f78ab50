"""A browser with an operator at it, and the Notifier that it looks at."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from deploy.local.packages import ServerPackage, install_missing
from tests.browser.chromium import CHROMIUM, find_chromium
from tests.e2e.test_embedded import Embedded
from tests.standins.processes import SmtpSink

PATIENCE_SECONDS = 120


class OverSmtp(Embedded):
    """Notifier in one process, whose mail goes to a stand-in that can be told to refuse it."""

    def __init__(self, folder: Path, sink: SmtpSink) -> None:
        super().__init__(folder)
        self._sink = sink

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "EMAIL_PROVIDERS": f"{self._sink.url}?name=relay"}

    def wait_until(self, reached: Callable[[], bool], *, limit: float) -> None:
        """Wait longer: beside a browser, on a busy machine, the start alone takes a while."""
        super().wait_until(reached, limit=max(limit, PATIENCE_SECONDS))

    def operator(self) -> tuple[str, str]:
        known = json.loads((self.folder / "demo.json").read_text())
        return known["operator_email"], known["operator_password"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a test acts with: the page, the product, the mail server, and what went wrong."""

    page: Page
    notifier: OverSmtp
    sink: SmtpSink
    complaints: list[str]


@pytest.fixture(scope="package")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    standin = SmtpSink(tmp_path_factory.mktemp("sink"))
    standin.start()
    yield standin
    standin.kill()


@pytest.fixture(scope="package")
def notifier(tmp_path_factory: pytest.TempPathFactory, sink: SmtpSink) -> Iterator[OverSmtp]:
    whole = OverSmtp(tmp_path_factory.mktemp("notifier"), sink)
    try:
        whole.start()
        yield whole
    finally:  # also where the start took too long
        if whole.process is not None:
            whole.process.kill()
            whole.process.wait()


@pytest.fixture(scope="package")  # no longer: its event loop would be everybody's
def browser() -> Iterator[Browser]:
    wanted: list[ServerPackage] = [CHROMIUM]
    install_missing(wanted)
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that root in a container does not have.
        started = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def scene(browser: Browser, notifier: OverSmtp, sink: SmtpSink) -> Iterator[Scene]:
    """Sign in; whatever the browser complains about (a script that CSP forbids) fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    page, complaints = context.new_page(), list[str]()

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    address, password = notifier.operator()
    page.goto(notifier.url("/admin/login/"))
    page.fill("input[name=username]", address)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_selector("#dashboard")
    yield Scene(page=page, notifier=notifier, sink=sink, complaints=complaints)
    context.close()
    assert complaints == []
