"""MJML and Markdown: what they become, where they are wrong, and what hostile ones cost."""

import lxml.html
import pytest

from apps.templates.rendering import (
    RenderedEmail,
    build_body,
    check_content,
    compile_content,
)
from tests.unit.test_template_sandbox import (
    INJECTIONS,
    MAX_GROWTH_KIB,
    MAX_SECONDS,
    VARIABLES,
    Outcome,
    run_child,
)

MJML = """<mjml><mj-head><mj-style>.big { color: #ff0000 }</mj-style></mj-head><mj-body>
{% if vip %}<mj-section><mj-column><mj-text><span class="big">For {{ name }}</span></mj-text>
<mj-button href="{{ link }}?a=1">{{ label | default: "Open" }}</mj-button></mj-column></mj-section>
{% endif %}<mj-section><mj-column>
<mj-table>{% for item in items %}<tr><td>{{ item }}</td></tr>{% endfor %}</mj-table>
</mj-column></mj-section></mj-body></mjml>"""
MARKDOWN = """# Hello {{ name | default: "you_*there*" }}

{% for item in items %}
- {{ item }}
{% endfor %}

[Open]({{ link }}) <b onclick="x()">now</b><script>alert(1)</script>
<a href="javascript:x()">bad</a> <img src="x" onerror="y()">
"""
GIVEN = {"name": "<Ada>", "link": 'https://e.org/"x', "items": ["a&b", "c"], "vip": True}
COLUMN = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"


def render(part: str, source: str, **changes: object) -> RenderedEmail:
    compiled = compile_content(channel="email", content={"subject": "S", part: source})
    rendered = compiled.render({**GIVEN, **changes})
    assert isinstance(rendered, RenderedEmail)
    return rendered


def find_errors(**parts: object) -> list[tuple[str, int, int, str]]:
    errors = check_content(channel="email", content={"subject": "S", **parts}).errors
    return [(error.part, error.line, error.column, error.message) for error in errors]


def test_mjml_becomes_html_with_styles_inlined_and_a_text() -> None:
    mail = render("mjml", MJML)
    assert '<span class="big" style="color: #ff0000;">For &lt;Ada&gt;</span>' in mail.html
    assert 'href="https://e.org/&#34;x?a=1"' in mail.html
    assert mail.html.count("<tr><td") >= 2
    assert "<mj-" not in mail.html
    assert "For <Ada>" in mail.text
    assert "[Open](https://e.org/" in mail.text
    assert "a&b\nc" in mail.text


def test_a_condition_around_a_section_of_mjml_holds() -> None:
    mail = render("mjml", MJML, vip=False)
    assert "Ada" not in mail.html + mail.text
    assert "a&amp;b" in mail.html


def test_markdown_becomes_a_mail_without_what_could_run() -> None:
    mail = render("markdown", MARKDOWN)
    assert ">Hello &lt;Ada&gt;</h1>" in mail.html
    assert 'href="https://e.org/&#34;x"' in mail.html
    for hostile in ("script", "onclick", "onerror", "javascript"):
        assert hostile not in mail.html
    assert ">now</b>" in mail.html
    assert "max-width: 600px" in mail.html
    assert mail.text.startswith("Hello <Ada>\n")


def test_a_loop_around_a_list_makes_one_list() -> None:
    mail = render("markdown", MARKDOWN)
    assert mail.html.count("<ul") == mail.html.count("</ul>") == 1
    assert mail.html.count("<li>") == 2
    assert "  * a&b\n  * c\n" in mail.text


def test_markup_of_liquid_is_no_markup_of_markdown() -> None:
    assert "you_*there*" in render("markdown", MARKDOWN, name="").html


def test_variables_are_escaped_and_no_markdown_in_them_is_read() -> None:
    html = render("markdown", "{{ name }}", name="**b** <script>").html
    assert "**b** &lt;script&gt;" in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "java\nscript:alert(1)",
        "\x01\tjavascript:alert(1)",
        "vbscript:x",
        "data:text/html,<script>alert(1)</script>",
    ],
)
@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("markdown", "[Open]({{ link }}) [b]: x\n\n![c]({{ link }})"),
        ("markdown", '<a href="{% if vip %}{{ link }}{% endif %}">Open</a>'),
        ("mjml", COLUMN.format('<mj-text><a href="{{ link }}">Open</a></mj-text>')),
        ("html", "<a class=x href={{ link }}>Open</a><a href='{{ link }}'>Open</a>"),
    ],
)
def test_a_variable_makes_no_link_that_runs_something(
    part: str, source: str, address: str
) -> None:
    mail = render(part, source, link=address)
    links = lxml.html.fromstring(mail.html).xpath("//@href")
    squeezed = ["".join(link.split()).strip("\x01").lower() for link in links]
    assert not [link for link in squeezed if link.startswith(("javascript", "vbscript", "data"))]
    assert "Open" in mail.html


def test_links_to_pages_apps_and_pictures_stay() -> None:
    source = "<a href='{{ a }}'>a</a><a href=\"myapp://x?to=data:1\">b</a><img src='{{ b }}'>"
    given = {"a": "https://e.org/?q=javascript:x", "b": "data:image/png;base64,AAAA"}
    mail = render("html", source, **given)
    for kept in (*given.values(), "myapp://x?to=data:1"):
        assert kept in mail.html


def test_an_own_text_part_is_kept() -> None:
    content = {"subject": "S", "mjml": COLUMN.format("<mj-text>x</mj-text>"), "text": "Own"}
    mail = compile_content(channel="email", content=content).render({})
    assert isinstance(mail, RenderedEmail)
    assert mail.text == "Own"


def test_what_was_built_is_sent_and_nothing_is_translated_again() -> None:
    built = build_body(part="markdown", source="Hello {{ name }}")
    content = {"subject": "S", "markdown": "Hello {{ name }}"}
    marked = type(built)(html=built.html.replace("Hello", "Kept"), text="kept {{ name }}")
    mail = compile_content(channel="email", content=content, built=marked).render(GIVEN)
    assert isinstance(mail, RenderedEmail)
    assert "Kept &lt;Ada&gt;" in mail.html
    assert mail.text == "kept <Ada>"


@pytest.mark.parametrize("part", ["mjml", "markdown"])
def test_a_word_that_looks_like_a_mark_stays_a_word(part: str) -> None:
    source = "z&#113;999o z&#113;0o {{ name }}"
    source = COLUMN.format(f"<mj-text>{source}</mj-text>") if part == "mjml" else source
    assert "zq999o zq0o &lt;Ada&gt;" in render(part, source).html.replace("&#113;", "q")


def test_a_table_that_could_become_millions_of_cells_says_where() -> None:
    wide = "Hi {{ name | default: 'you' }}\n\n" + "|a" * 300 + "\n" + "|-" * 300 + "\n|x" * 50
    ((part, line, _, message),) = find_errors(markdown=wide)
    assert (part, line) == ("markdown", 3)
    assert "5000 cells" in message
    rows = "|a|b|c|\n|-|-|-|\n" + "|1|2|3|\n" * 500
    assert render("markdown", rows).html.count("</td>") == 1500


@pytest.mark.parametrize("part", ["mjml", "markdown"])
def test_a_mistake_of_liquid_is_found_in_the_source_itself(part: str) -> None:
    source = COLUMN.format("<mj-text>\n\n{{ a | nonsense }}</mj-text>")
    assert find_errors(**{part: source}) == [(part, 3, 1 + 7, "unknown filter 'nonsense'")]
    report = check_content(channel="email", content={"subject": "S", part: MJML})
    assert "name" in report.required_variables


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("nonsense", 1, "unable to parse"),
        ("<mjml>\n{{ a }}<p></mjml>", 2, "unexpected"),
        ("<mjml><mj-body>\n<mj-section>\n</mjml>", 3, "unexpected"),
        (COLUMN.format("\n<mj-include path='/etc/passwd'/>"), 2, "mj-include"),
        (COLUMN.format("\n<mj-text>\n<b"), 3, "not closed"),
        (COLUMN.format('\n<mj-text lang="{{ a }}">x</mj-text>'), 2, "would be dropped"),
        (COLUMN.format("\n" + "<b>" * 80), 2, "levels deep"),
    ],
)
def test_mjml_that_cannot_be_read_says_where(source: str, line: int, message: str) -> None:
    ((part, found, _, words),) = find_errors(mjml=source)
    assert (part, found) == ("mjml", line)
    assert message in words


def test_only_one_format_may_be_chosen() -> None:
    ((part, _, _, words),) = find_errors(html="<p>x</p>", markdown="x")
    assert (part, words) == ("markdown", "not beside html: choose one of them")


@pytest.mark.parametrize(
    ("hosted", "part"),
    [
        ({}, "provider_template"),
        ("d-1", "provider_template"),
        ({"smtp": "d-1"}, "provider_template"),
        ({"sendgrid": "1"}, "provider_template.sendgrid"),
        ({"mailgun": "a b"}, "provider_template.mailgun"),
        ({"mailgun": 1}, "provider_template.mailgun"),
    ],
)
def test_a_providers_template_is_named_by_an_id(hosted: object, part: str) -> None:
    content = {"provider_template": hosted}
    (error,) = check_content(channel="email", content=content).errors
    assert error.part == part


def test_a_providers_template_needs_no_parts_and_takes_the_variables() -> None:
    content = {"provider_template": {"sendgrid": "d-1", "mailgun": "welcome"}}
    mail = compile_content(channel="email", content=content).render(GIVEN)
    assert isinstance(mail, RenderedEmail)
    assert (mail.subject, mail.text, mail.html) == ("", "", "")
    assert mail.hosted == content["provider_template"]
    assert mail.variables == GIVEN


HOSTILE_MJML = {
    "deep": COLUMN.format("<mj-text>" + "<b>" * 20_000),
    "deep components": "<mjml><mj-body>" + "<mj-wrapper>" * 5_000,
    "deep behind quotes": COLUMN.format('<b a="/>">' * 6_000),
    "deep behind closings": COLUMN.format('<b a="</b>">' * 5_000),
    "deep behind comments": COLUMN.format("<!--</b>--><b>" * 4_500),
    "deep with odd names": COLUMN.format("<é>" * 15_000),
    "many components": COLUMN.format("<mj-text>x</mj-text>" * 2_900),
    "unclosed quote": COLUMN.format('<b a="' * 10_000),
    "unclosed comment": COLUMN.format("<!--" * 15_000),
    "entities": "<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + COLUMN.format("<mj-text>&a;</mj-text>"),
    "huge numbers": COLUMN.format('<mj-image width="99999999999999999999px" src="x" />'),
    "styles": COLUMN.format("<mj-style>" + "*{a:b}" * 9_000 + "</mj-style>"),
}
HOSTILE_MARKDOWN = {
    "nested quotes": ">" * 30_000 + "x",
    "nested lists": "- " * 20_000 + "x",
    "nested brackets": "[" * 30_000,
    "links": "[a](" * 15_000,
    "emphasis": "*a_ " * 15_000,
    "backticks": "".join("`" * n + " " for n in range(1, 340)),
    "references": "".join(f"[{n}]: /x\n" for n in range(5_000)),
    "table": "|a" * 500 + "\n" + "|-" * 500 + "\n" + "|x" * 20_000,
    "wide table": "|a" * 1_000 + "\n" + "|-" * 1_000 + "\n" + "|\n" * 6_000,
    "table of a few columns": "|a" * 50 + "\n" + "|-" * 50 + "\r" + "|\r" * 14_000,
    "closed emphasis": "a**b" * 8_190,
    "images": "![" * 16_000,
    "many tables": "|a|\n|-|\n|x|\n\n" * 4_000,
    "html": "<div><b>" * 7_500,
    "comments": "<!--" * 15_000,
    "entities": "&#0;&#xD800;&" * 4_000,
    "marks": "zq1o zq1t <!--zq0t--> {{ a }} zqq0o " * 900,
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    injected = {name: INJECTIONS[name] for name in ("class", "include", "python", "nul", "script")}
    wrapped = {name: COLUMN.format(f"<mj-text>{it}</mj-text>") for name, it in injected.items()}
    groups = {
        "mjml": (64, {**wrapped, **HOSTILE_MJML}),
        "markdown": (16, {**injected, **HOSTILE_MARKDOWN}),
    }
    return run_child(
        [
            (f"{part} {name}", part, source[: limit * 1024], VARIABLES)
            for part, (limit, sources) in groups.items()
            for name, source in sources.items()
        ]
    )


def test_hostile_sources_cost_little_and_leak_nothing(outcomes: dict[str, Outcome]) -> None:
    verdicts = {"rendered", "rendering_failed", "missing_variables"}
    assert {name for name, found in outcomes.items() if found.verdict not in verdicts} == set()
    slow = {name: found.seconds for name, found in outcomes.items() if found.seconds > MAX_SECONDS}
    assert slow == {}
    large = {name for name, found in outcomes.items() if found.growth > MAX_GROWTH_KIB}
    assert large == set()
    leaks = ("<class", "built-in", "root:", "object at 0x", "uid=")
    assert not [name for name, found in outcomes.items() for leak in leaks if leak in found.text]
