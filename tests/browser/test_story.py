"""The whole story in one sitting: write a template, send, see it arrive, fail, replay."""

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import OverSmtp, Scene
from tests.browser.pictures import take_pictures
from tests.standins.processes import SmtpSink, read_mail

CODE = "parcel-arrived"
MARKDOWN = """# Your parcel is here, {{ name }}

It waits for you at **{{ place }}** until {{ until | date: "%d %B" }}.

{% for item in items %}
- {{ item }}
{% endfor %}

[Show the code at the counter]({{ link }})
"""
SAMPLES = """{
  "name": "Ada",
  "place": "Bakery Lovelace",
  "until": "2027-03-14",
  "items": ["Tea, 2 boxes", "A teapot"],
  "link": "https://example.org/parcels/1815"
}"""


@pytest.mark.timeout(600)  # pictures, where they are asked for, take a while
def test_a_template_is_written_sent_seen_to_fail_and_sent_again(scene: Scene) -> None:
    take_pictures(scene.page, "admin-overview", dark=True)
    write_template(scene)
    send_by_hand(scene, "success@simulator.test")
    read_timeline(scene)
    read_inbox(scene)
    lose_two(scene)
    replay_both(scene)


def test_links_in_mails_lead_to_the_port_that_up_was_given(
    notifier: OverSmtp, sink: SmtpSink
) -> None:
    sink.reset()
    order = {
        "to": {"email": "reader@example.org"},
        "template_code": "newsletter",
        "variables": {"name": "Ada", "month": "May", "link": "https://example.org"},
    }
    headers = {"X-API-Key": notifier.key}
    url = notifier.url("/api/v1/notifications/email")
    answer = requests.post(url, json=order, headers=headers, timeout=10)
    assert answer.status_code == requests.codes.accepted, answer.text
    mail = read_mail(sink.wait_for_messages(1, limit=30)[0])
    assert mail["List-Unsubscribe"].startswith(f"<{notifier.url('/unsubscribe/')}")


def write_template(scene: Scene) -> None:
    page = scene.page
    page.click("#nav-sidebar-apps a:has-text('Templates')")
    page.locator("a.addlink").first.click()
    page.get_by_label("Code").fill(CODE)
    page.get_by_label("Name").fill("A parcel has arrived")
    page.get_by_text("Markdown", exact=True).first.click()
    page.get_by_label("Subject").fill("{{ name }}, your parcel is here")
    page.get_by_label("Markdown").last.fill(MARKDOWN)
    page.get_by_label("Sample variables").fill(SAMPLES)
    mail = page.frame_locator("iframe[data-page]")
    expect(mail.get_by_role("heading", name="Your parcel is here, Ada")).to_be_visible()
    expect(mail.get_by_text("14 March")).to_be_visible()
    expect(page.locator("[data-subject]")).to_have_text("Ada, your parcel is here")
    page.get_by_label("Subject").evaluate("field => field.scrollIntoView({block: 'center'})")
    take_pictures(page, "template-editor")
    page.get_by_role("button", name="Save and publish").click()
    expect(page.get_by_text(f"{CODE} is stored, and its version 1 is live")).to_be_visible()
    take_pictures(page, "template-published")


def send_by_hand(scene: Scene, recipient: str, *, mode: str = "test") -> None:
    page = scene.page
    page.click("#nav-sidebar-apps a:has-text('Send')")
    page.get_by_role("link", name=CODE, exact=True).click()
    expect(page.get_by_label("place")).to_have_value("Bakery Lovelace")  # the sample
    page.get_by_label("To", exact=True).fill(recipient)
    page.get_by_label("Mode").select_option(mode)
    if recipient.startswith("success"):
        take_pictures(page, "admin-send")
    page.get_by_role("button", name="Send", exact=True).click()


def read_timeline(scene: Scene) -> None:
    """Stay where sending led to: the page follows the notification by itself."""
    page = scene.page
    expect(page.locator("#status")).to_have_text("delivered")
    body = page.frame_locator(".mail-frame").locator("body")
    expect(body).to_contain_text("Your parcel is here, Ada")
    take_pictures(page, "admin-timeline")


def read_inbox(scene: Scene) -> None:
    page = scene.page
    page.goto(scene.notifier.url("/inbox/"))
    page.get_by_text("Ada, your parcel is here").first.click()
    mail = page.frame_locator("#detail iframe")
    expect(mail.get_by_role("heading", name="Your parcel is here, Ada")).to_be_visible()
    take_pictures(page, "inbox-delivered")
    page.goto(scene.notifier.url("/admin/"))


def lose_two(scene: Scene) -> None:
    """One that will be refused for ever, and one that a mended mail server would take."""
    page = scene.page
    send_by_hand(scene, "reject@simulator.test")
    expect(page.locator("#status")).to_have_text("failed")
    scene.sink.behave(fail_always=True, code=550, target="rcpt")
    send_by_hand(scene, "grace@example.org", mode="live")
    expect(page.locator("#status")).to_have_text("failed")
    expect(page.locator(".step-bad")).to_contain_text("smtp_550")
    take_pictures(page, "admin-failed", phone=True)
    scene.sink.reset()


def replay_both(scene: Scene) -> None:
    page = scene.page
    page.click("#nav-sidebar-apps a:has-text('Dead letters')")
    take_pictures(page, "admin-dead-letters")
    for recipient in ("grace@example.org", "reject@simulator.test"):
        page.get_by_role("row", name=recipient).first.locator("input[type=checkbox]").check()
    choose_action(page, "Replay…")
    expect(page.get_by_text(re.compile(r"2 dead letters would be changed"))).to_be_visible()
    take_pictures(page, "admin-dry-run")
    page.get_by_role("button", name="Replay dead letters").click()
    expect(page.get_by_role("heading", name="All have been tried")).to_be_visible()
    outcome = page.get_by_text("2 of 2 finished: 1 sent, 1 failed again")
    expect(outcome).to_be_visible()
    take_pictures(page, "admin-replayed")
    arrived = read_mail(scene.sink.wait_for_messages(1, limit=10)[0])
    assert arrived["To"] == "grace@example.org"


def choose_action(page: Page, title: str) -> None:
    page.locator("select[name=action]").first.select_option(label=title)
    page.locator("button[name=index]").first.click()
