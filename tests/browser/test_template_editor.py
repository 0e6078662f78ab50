"""The template editor as an author uses it: write, see it, mend it, publish it, receive it."""

import socket

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Scene

HOSTILE = (
    "<p>Hello {{{{ name }}}}</p><script>top.document.title = 'taken over'</script>"
    "<img src='{0}/pixel.png' onerror=\"top.document.title = 'taken over'\">"
    "<link rel='stylesheet' href='{0}/style.css'><style>@import '{0}/more.css';</style>"
    "<meta http-equiv='refresh' content='0;url={0}/page'>"
)
# What the browser says of a frame that may not run, load or go anywhere.
REFUSALS = ("Blocked script execution", "Content Security Policy", "Refused to execute")


def open_editor(scene: Scene, code: str) -> None:
    scene.page.goto(scene.notifier.url("/admin/templates/template/"))
    scene.page.get_by_role("link", name=code, exact=True).click()
    scene.page.get_by_role("link", name="Write a new version").click()


def test_what_is_typed_is_seen_and_nothing_in_it_runs(scene: Scene) -> None:
    page = scene.page
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        open_editor(scene, "welcome")
        mail = page.frame_locator("iframe[data-page]")
        expect(mail.get_by_role("heading", name="Welcome, Ada!")).to_be_visible()

        elsewhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
        page.locator("textarea[name=html]").fill(HOSTILE.format(elsewhere))
        page.get_by_label("Subject").fill("News for {{ name }}")
        expect(mail.get_by_text("Hello Ada")).to_be_visible()
        expect(page.locator("[data-subject]")).to_have_text("News for Ada")
        page.get_by_role("button", name="Phone").click()
        page.wait_for_timeout(500)  # long enough for a script or a refresh
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert "taken over" not in page.title()
    refused = [each for each in scene.complaints if any(words in each for words in REFUSALS)]
    assert any(REFUSALS[0] in each for each in refused)
    scene.complaints[:] = [each for each in scene.complaints if each not in refused]


def test_mistakes_and_missing_variables_are_shown_while_typing(scene: Scene) -> None:
    page = scene.page
    open_editor(scene, "welcome")
    html = page.locator("textarea[name=html]")
    html.fill("<p>\n{{ name | nonsense }}</p>")
    mistake = page.get_by_role("button", name="Line 2, column 11: unknown filter 'nonsense'")
    expect(mistake).to_contain_text("^^^^^^^^")
    expect(page.locator("[data-field=html] .is-wrong")).to_have_text("2")
    expect(html).to_have_attribute("aria-invalid", "true")
    told = html.get_attribute("aria-errormessage")
    expect(page.locator(f"#{told}")).to_contain_text("unknown filter 'nonsense'")
    mistake.click()
    assert html.evaluate("area => area.selectionStart") == len("<p>\n{{ name | ")

    html.fill("<p>{{ name }} {{ town }}</p>")
    expect(mistake).to_have_count(0)
    expect(html).to_have_attribute("aria-invalid", "false")
    page.get_by_role("button", name="town +").click()
    expect(page.locator(".is-given", has_text="town")).to_be_visible()
    assert '"town": "town"' in page.locator("textarea[name=sample_variables]").input_value()


def test_a_version_in_markdown_is_tried_published_and_rolled_back(scene: Scene) -> None:
    page = scene.page
    open_editor(scene, "welcome")
    page.get_by_text("Markdown", exact=True).first.click()
    page.locator("textarea[name=markdown]").fill("# Hello {{ name }}\n\n[Start]({{ link }})")
    mail = page.frame_locator("iframe[data-page]")
    expect(mail.get_by_role("heading", name="Hello Ada")).to_be_visible()
    page.get_by_role("button", name="Send to me").click()
    expect(page.locator("[data-said]")).to_contain_text("On its way to your address.")
    scene.notifier.wait_until(lambda: len(scene.sink.messages()) > 0, limit=30)

    page.get_by_role("button", name="Save and publish").click()
    expect(page.locator("h1 .tpl-live")).to_be_visible()
    page.get_by_role("link", name="welcome").first.click()
    page.get_by_role("link", name="Roll back…").click()
    expect(page.get_by_role("heading", name="Roll welcome back to version 1?")).to_be_visible()
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("welcome: version 1 is live in en")).to_be_visible()
