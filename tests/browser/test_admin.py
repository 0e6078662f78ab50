"""The admin as an operator uses it: find what failed, see why, send it again, see it arrive."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import Scene

REQUEST_ID = "order-1812-receipt"
OVERVIEW_AGE_MS = 10_000  # its numbers may be so old
PAGES = (
    "",
    "notifications/notification/",
    "notifications/notification/send/",
    "notifications/deadletter/",
    "notifications/suppression/add/",
    "templates/template/",
    "users/user/",
    "users/apikey/add/",
    "notifier/auditentry/",
    "delivery/circuitbreaker/",
    "delivery/capturedmessage/",
)


@pytest.fixture(autouse=True)
def _healthy_server(scene: Scene) -> Iterator[None]:
    yield
    scene.sink.reset()


def post(scene: Scene, path: str, body: dict[str, object]) -> None:
    headers = {"X-API-Key": scene.notifier.key}
    url = scene.notifier.url(f"/api/v1{path}")
    answer = requests.post(url, json=body, headers=headers, timeout=10)
    assert answer.status_code == requests.codes.accepted, answer.text


def order(scene: Scene) -> None:
    post(
        scene,
        "/notifications/email",
        {
            "to": {"email": "ada@example.org"},
            "template_code": "welcome",
            "variables": {"name": "Ada", "link": "https://example.org/start"},
            "request_id": REQUEST_ID,
        },
    )


def test_what_failed_is_found_explained_replayed_and_seen_to_arrive(scene: Scene) -> None:
    page = scene.page
    delivered = int(page.locator("#delivered").inner_text())  # of the last day
    delivered_ever = scene.notifier.find("status=delivered")["meta"]["total"]
    scene.sink.behave(fail_always=True, code=550, target="rcpt")
    order(scene)
    page.click("#nav-sidebar-apps a:has-text('Notifications')")
    page.fill("input[name=q]", REQUEST_ID)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**q={REQUEST_ID}*")
    page.click("#result_list tbody th a")
    expect(page.locator("#status")).to_have_text("failed")
    failed = page.locator(".step-bad")
    expect(failed).to_contain_text("smtp_550")
    expect(failed).to_contain_text("The mail server refused it for good (550).")
    expect(page.frame_locator(".mail-frame").locator("body")).to_contain_text("Ada")
    scene.sink.behave()
    page.click("summary:has-text('Replay')")
    page.click("button:has-text('Send it again')")
    expect(page.locator("#status")).to_have_text("sent")  # the page follows by itself
    expect(page.locator(".story")).to_contain_text("Somebody sent it again")
    receipt: dict[str, object] = {"notification_id": REQUEST_ID, "status": "delivered"}
    post(scene, "/notifications/status", receipt)
    scene.notifier.wait_until(
        lambda: scene.notifier.find("status=delivered")["meta"]["total"] == delivered_ever + 1,
        limit=10,
    )
    page.reload()
    expect(page.locator("#status")).to_have_text("delivered")
    page.click("#nav-sidebar-apps a:has-text('Overview')")
    page.wait_for_timeout(OVERVIEW_AGE_MS)
    page.reload()
    expect(page.locator("#delivered")).to_have_text(str(delivered + 1))


def test_every_page_fits_a_phone_in_the_dark(scene: Scene) -> None:
    page = scene.page
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    too_wide = []
    for path in PAGES:
        answer = page.goto(scene.notifier.url(f"/admin/{path}"))
        assert answer is not None
        assert answer.status == requests.codes.ok, path
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            too_wide.append(path)
    assert too_wide == []
