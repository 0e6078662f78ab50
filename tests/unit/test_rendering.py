"""Checking, compiling and rendering the content of templates."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from apps.templates.rendering import (
    ContentError,
    MissingVariables,
    RenderedEmail,
    RenderedPush,
    RenderingError,
    check_content,
    compile_content,
    compiled,
)
from apps.templates.rendering.cache import CompiledCache

Content = dict[str, object]


def render_email(variables: Mapping[str, object] | None = None, **parts: str) -> RenderedEmail:
    content = {"subject": "S", **parts}
    rendered = compile_content(channel="email", content=content).render(variables or {})
    assert isinstance(rendered, RenderedEmail)
    return rendered


def render_push(variables: Mapping[str, object] | None = None, **parts: object) -> RenderedPush:
    content = {"title": "T", "body": "B", **parts}
    rendered = compile_content(channel="push", content=content).render(variables or {})
    assert isinstance(rendered, RenderedPush)
    return rendered


def render_text(source: str, **variables: object) -> str:
    return render_email(variables, text=source).text


def find_required(**parts: str) -> tuple[str, ...]:
    report = check_content(channel="email", content={"subject": "S", **parts})
    assert report.errors == ()
    return report.required_variables


def find_error(part: str, source: str) -> ContentError:
    content = {"subject": "S", "text": "T", "html": "", part: source}
    errors = check_content(channel="email", content=content).errors
    assert len(errors) == 1
    return errors[0]


# Rendering


def test_variables_are_inserted_with_and_without_blanks_and_with_dots() -> None:
    user = {"first_name": "Ada", "tags": ["x", "y"]}
    source = "{{ name }} {{name}} {{ user.first_name }} {{user.tags[1]}}"
    assert render_text(source, name="Bo", user=user) == "Bo Bo Ada y"


def test_html_escapes_variables_and_text_does_not() -> None:
    mail = render_email(
        {"name": "<b>&\"'"}, subject="{{ name }}", text="{{ name }}", html="<i>{{ name }}</i>"
    )
    assert mail.subject == mail.text == "<b>&\"'"
    assert mail.html == "<i>&lt;b&gt;&amp;&#34;&#39;</i>"


@pytest.mark.parametrize(
    "expression",
    [
        "n",
        "n | escape",
        "n | escape | upcase | downcase",
        "n | newline_to_br",
        "n | escape | truncate: 500",
        "n | escape | truncatewords: 50",
        "n | strip",
        "missing | default: n",
        "items",
        "items.first",
        "items | first",
        "deep",
        "n | capitalize",
    ],
)
def test_no_filter_lets_a_variable_bring_markup_into_html(expression: str) -> None:
    evil = "<script>alert(1)</script>\n<img src=x>"
    variables = {"n": evil, "items": [evil], "deep": {"a": [evil]}}
    html = render_email(variables, html=f"<p>{{{{ {expression} }}}}</p>").html.lower()
    assert "<script" not in html
    assert "<img" not in html


def test_conditions_loops_cases_and_comments_work() -> None:
    source = (
        "{% if vip and total > 10 %}VIP{% else %}no{% endif %}"
        "{% unless vip %}!{% endunless %}"
        "{% for item in items %}{% if item == 'stop' %}{% break %}{% endif %}"
        " {{ forloop.index }}{{ item }}{% endfor %}"
        "{% case lang %}{% when 'de', 'de' %} Hallo{% else %} Hello{% endcase %}"
        "{% comment %}hidden {{ x }}{% endcomment %}{% # note %}"
        "{% for i in (1..3) %}*{% endfor %}"
    )
    variables = {"vip": True, "total": 11, "items": ["a", "b", "stop", "c"], "lang": "de"}
    assert render_text(source, **variables) == "VIP 1a 2b Hallo***"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ s | upcase }}", "ÄBC DEF GHI"),
        ("{{ s | truncate: 6 }}", "äbc..."),
        ("{{ s | truncatewords: 2 }}", "äbc def..."),
        ("{{ s | size }}", "11"),
        ("{{ n | plus: 1 | times: 2 | minus: 3 | divided_by: 2 | modulo: 4 }}", "2"),
        ("{{ 2.567 | round: 1 }}", "2.6"),
        ("{{ s | url_encode }}", "%C3%A4bc+def+ghi"),
        ("{{ none | default: 'friend' }}", "friend"),
        ("{{ off | default: true, allow_false: true }}", "false"),
        ("{{ '2026-03-04T05:06:07Z' | date: '%d.%m.%Y %H:%M' }}", "04.03.2026 05:06"),
        ("{{ 86400 | date: '%-d %B %Y' }}", "2 January 1970"),
        ("{{ list | first }}{{ list | last }}", "13"),
    ],
)
def test_filters(source: str, text: str) -> None:
    variables = {"s": "äbc def ghi", "n": 7, "none": None, "off": False, "list": [1, 2, 3]}
    assert render_text(source, **variables) == text


@pytest.mark.parametrize(
    "ending", ["\r\nBcc: x@y", "\n", "\r", "\x0b", "\x85", "\u2028", "\u2029"]
)
def test_a_subject_and_a_title_are_one_line(ending: str) -> None:
    variables = {"name": f"Ada{ending}end"}
    assert len(render_email(variables, subject="{{ name }}", text="T").subject.splitlines()) == 1
    assert len(render_push(variables, title="Hi\n{{ name }}").title.splitlines()) == 1


def test_an_endless_subject_is_refused() -> None:
    with pytest.raises(RenderingError, match="subject: longer than 998 characters"):
        render_email({"name": "x" * 999}, subject="{{ name }}", text="T")


def test_a_missing_text_is_made_from_the_html_with_its_links() -> None:
    html = (
        "<html><head><title>no</title><style>p{color:red}</style></head><body><table>"
        "<tr><td>Hi <b>{{ name }}</b></td><td>2 &euro;</td></tr><tr><td>Bye</td></tr></table>"
        '<p>Press <a href="https://x.org/?a=1&amp;b=2">here</a></p><ul><li>a</li></ul></body></html>'
    )
    text = render_email({"name": "Ada & Bo"}, html=html).text
    assert text == "Hi Ada & Bo 2 €\nBye\n\nPress [here](https://x.org/?a=1&b=2)\n\n  * a\n"


def test_what_the_html_hides_is_not_in_the_text() -> None:
    html = '<div style="color:red; Display : NONE">preheader</div><p style="margin:0">Hello</p>'
    assert render_email(html=html).text == "Hello\n"


def test_a_given_text_is_kept_and_html_may_be_missing() -> None:
    assert render_email(text="own", html="<p>x</p>").text == "own"
    assert render_email(text="own").html == ""


def test_styles_are_inlined_and_media_queries_kept() -> None:
    html = "<style>p{color:red}@media (max-width:9px){p{color:blue}}</style><p>{{ n }}</p>"
    inlined = render_email({"n": "ü"}, text="T", html=html).html
    assert '<p style="color: red;">ü</p>' in inlined
    assert "@media" in inlined


def test_html_without_styles_is_left_as_it_is() -> None:
    html = "<p>unclosed <br> <x-y a=1>"
    assert render_email(text="T", html=html).html == html


def test_styles_are_never_read_from_files_or_the_network(tmp_path: Path) -> None:
    # pytest-socket would fail the test on a connection attempt made by Python; css-inline
    # would make its own, to a port where nobody listens, and would then raise.
    sheet = tmp_path / "sheet.css"
    sheet.write_text("p{color:red}")
    for address in (str(sheet), sheet.as_uri(), "http://127.0.0.1:9/sheet.css"):
        html = (
            f'<style>@import url("{address}");i{{top:0}}</style>'
            f'<link rel="stylesheet" href="{address}"><p>x</p>'
        )
        assert "red" not in render_email(text="T", html=html).html


def test_a_push_has_checked_urls_and_rendered_data() -> None:
    push = render_push(
        {"id": 7},
        image="https://cdn.example.org/{{ id }}.png",
        link=" http://example.org/o/{{ id }} ",
        data={"order": "{{ id }}", "kind": "order"},
    )
    assert push == RenderedPush(
        title="T",
        body="B",
        image="https://cdn.example.org/7.png",
        link="http://example.org/o/7",
        data={"order": "7", "kind": "order"},
    )


def test_a_link_that_renders_to_nothing_is_no_link() -> None:
    assert render_push({}, link="{{ link | default: '' }}").link is None


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "myapp://open",
        "//evil.example",
        "/path",
        "https://",
        "https:///x",
        "https://x.org/a b",
        "https://x.org:99999/",
        "https://[::1",
        'https://x.org/"><b>',
        "https://x.org/\nhttps://y.org",
        "https://x.org/" + "a" * 2048,
        "data:text/html,x",
    ],
)
def test_other_urls_are_refused_when_rendered_and_when_checked(url: str) -> None:
    with pytest.raises(RenderingError, match="link: not an http or https URL"):
        render_push({"url": url}, link="{{ url }}")
    report = check_content(channel="push", content={"title": "T", "body": "B", "image": url})
    assert [error.part for error in report.errors] == ["image"]


# Missing variables


def test_all_missing_variables_of_all_parts_are_named() -> None:
    content: Content = {
        "subject": "{{ a }} {{ user.name }}",
        "text": "{{ b | upcase }} {{ 1 | plus: c }}",
        "html": "{% for x in items %}{{ x }}{% endfor %}<b>{{ a }}</b>",
    }
    template = compile_content(channel="email", content=content)
    with pytest.raises(MissingVariables) as caught:
        template.render({"user": {}})
    assert caught.value.names == ("a", "user.name", "b", "c", "items")
    assert caught.value.code == "missing_variables"
    assert template.find_missing({"a": None, "user": {"name": ""}}) == ("b", "c", "items")


def test_what_is_missing_in_the_items_of_a_list_is_named_too() -> None:
    source = "{% for x in items %}{{ x.name }}{{ 2 | times: x.price }}{% endfor %}"
    with pytest.raises(MissingVariables) as caught:
        render_text(source, items=[{"name": "a", "price": 1}, {}])
    assert caught.value.names == ("x.name", "x.price")


def test_names_of_missing_variables_show_no_values_that_are_not_names() -> None:
    variables = {"p": {}, "l": [], "key": "ada@example.org", "index": 3}
    with pytest.raises(MissingVariables) as caught:
        render_text("{% for i in (1..1) %}{{ p[key] }}{{ l[index] }}{% endfor %}", **variables)
    assert caught.value.names == ("p[key]", "l[index]")
    with pytest.raises(MissingVariables) as caught:
        render_text("{% for i in many %}{{ i[key] }}{{ i[0].x }}{% endfor %}", many=[[]], key="@")
    assert caught.value.names == ("i[?]", "i[0].x")


def test_a_missing_variable_outranks_the_failure_it_causes() -> None:
    with pytest.raises(MissingVariables):
        render_push({}, link="ftp://x/{{ path }}")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ x | default: 'y' }}", "y"),
        ("{{ x.y | default: z | default: 'w' }}", "w"),
        ("{% if x %}a{% else %}b{% endif %}", "b"),
        ("{% unless x.y %}a{% endunless %}", "a"),
        ("{% if x == 'a' or y > 3 or z contains 'q' %}a{% else %}b{% endif %}", "b"),
        ("{% if x %}Hello {{ x }}{% endif %}!", "!"),
        ("{% if a %}{% elsif x and y %}{{ x.z }}{{ y | upcase }}{% endif %}!", "!"),
        ("{% if x.kind == 'a' %}{{ x.kind }}{% endif %}!", "!"),
    ],
)
def test_a_variable_that_is_tested_or_has_a_default_is_optional(source: str, text: str) -> None:
    assert find_required(text=source) == ()
    assert render_text(source) == text


def test_required_variables_are_listed_with_dots_once_and_in_order() -> None:
    names = find_required(
        subject="{{ b }}{{ a.c }}",
        text="{% for i in items limit: top %}{{ i }}{{ forloop.index }}{{ b }}{% endfor %}",
        html="{% case kind %}{% when other %}{% endcase %}{{ p[q].r }}{{ x | default: y }}",
    )
    assert names == ("b", "a.c", "items", "top", "kind", "other", "q", "p[q].r", "y")


def test_a_variable_that_is_also_used_outside_its_test_is_required() -> None:
    assert find_required(text="{% if x %}{{ x }}{% else %}{{ x }}{% endif %}") == ("x",)
    assert find_required(text="{% if x or y %}{{ x }}{% endif %}") == ("x",)
    assert find_required(text="{% if x != 'a' %}{{ x }}{% endif %}") == ("x",)


def test_a_loop_variable_is_not_a_variable_outside_its_loop() -> None:
    assert find_required(text="{% for i in (1..2) %}{{ i }}{% endfor %}{{ i }}") == ("i",)


@pytest.mark.parametrize("name", ["now", "today", "forloop"])
def test_the_names_that_liquid_brings_along_are_ordinary_variables(name: str) -> None:
    assert find_required(text=f"{{{{ {name} }}}}") == (name,)
    assert render_text(f"{{{{ {name} | default: 'none' }}}}") == "none"


# Checking


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("ok\n  {{ name", 2, 3, "not closed"),
        ("{% iff x %}", 1, 1, "unknown tag 'iff'"),
        ("a{% if x %}\nno end", 1, 5, "expected tag"),
        ("a {{ x | uppcase }}", 1, 10, "unknown filter 'uppcase'"),
        ("{% for x %}{% endfor %}", 1, 4, "expected"),
        ("{{ a }}{{ x | }}", 1, 8, "expected"),
        ("a\nb {% break %}", 2, 6, "only inside a for loop"),
        ("{{ }}", 1, 1, "nothing between the braces"),
        ("{{ x ! }}", 1, 6, "operator"),
        ("{% endif %}", 1, 4, "unexpected tag 'endif'"),
    ],
)
def test_mistakes_are_reported_with_line_and_column(
    source: str, line: int, column: int, message: str
) -> None:
    error = find_error("text", source)
    assert message in error.message
    assert (error.part, error.line, error.column) == ("text", line, column)


def test_the_excerpt_points_at_the_mistake() -> None:
    error = find_error("html", "<p>\n  {{ name | shout }}</p>")
    assert error.excerpt == "2 |   {{ name | shout }}</p>\n  |             ^^^^^"


def test_the_excerpt_of_a_long_line_is_short() -> None:
    error = find_error("html", "<b>x</b>" * 1000 + "{{ name | shout }}" + "<b>x</b>" * 1000)
    shown, carets = error.excerpt.splitlines()
    assert len(shown) < 130
    assert shown[carets.index("^") :].startswith("shout")


@pytest.mark.parametrize(
    ("channel", "content", "parts"),
    [
        ("sms", {"text": "x"}, ["channel"]),
        (None, {}, ["channel"]),
        ([], {}, ["channel"]),
        ("email", [], ["content"]),
        ("email", None, ["content"]),
        ("email", {}, ["subject", "text"]),
        ("email", {"subject": " ", "text": "", "html": "x"}, ["subject"]),
        ("email", {"subject": "S", "text": " ", "html": ""}, ["text"]),
        ("email", {"subject": "S", "text": "x", "body": "x"}, ["body"]),
        ("email", {"subject": "S", "text": None, "html": 1}, ["text", "html"]),
        ("email", {"subject": "S", "text": "x", "data": {}}, ["data"]),
        ("email", {"subject": "S", "text": "x" * 65537}, ["text"]),
        ("email", {"subject": "S", "text": "a\x00b"}, ["text"]),
        ("email", {"subject": "S", "text": "a\ud800b"}, ["text"]),
        ("email", {"subject": "S", "text": "x", 5: "x"}, ["5"]),
        ("push", {"title": "T"}, ["body"]),
        ("push", {"title": "T", "body": "B", "subject": "S"}, ["subject"]),
        ("push", {"title": "T", "body": "B", "data": []}, ["data"]),
        ("push", {"title": "T", "body": "B", "data": {"a": 1}}, ["data.a"]),
        ("push", {"title": "T", "body": "B", "data": {"": "x"}}, ["data"]),
        ("push", {"title": "T", "body": "B", "data": {1: "x"}}, ["data"]),
        ("push", {"title": "T", "body": "B", "data": {"a": "{{"}}, ["data.a"]),
        ("push", {"title": "T", "body": "B", "data": {str(i): "" for i in range(51)}}, ["data"]),
        (
            "push",
            {"title": "T", "body": "B", "data": {str(i): "x" * 60000 for i in range(5)}},
            ["content"],
        ),
    ],
)
def test_content_of_another_shape_is_refused(
    channel: str, content: Content, parts: list[str]
) -> None:
    report = check_content(channel=channel, content=content)
    assert [error.part for error in report.errors] == parts
    assert report.required_variables == ()
    with pytest.raises(RenderingError):
        compile_content(channel=channel, content=content)


def test_mistakes_in_several_parts_are_reported_together() -> None:
    content = {"subject": "{{ a", "text": "{{ b | x }}{{ c | y }}", "html": "{{ d }}"}
    report = check_content(channel="email", content=content)
    assert [(error.part, error.column) for error in report.errors] == [
        ("subject", 1),
        ("text", 8),
        ("text", 19),
    ]
    assert "d" in report.required_variables


# Cache


def test_compiled_content_is_kept_per_key() -> None:
    key = ("template-1", 1)
    first = compiled(key, "email", {"subject": "S", "text": "{{ a }}"})
    assert compiled(key, "email", {"subject": "other", "text": "x"}) is first
    assert compiled(("template-1", 2), "email", {"subject": "S", "text": "x"}) is not first


def test_content_with_a_mistake_is_not_kept() -> None:
    with pytest.raises(RenderingError, match=r"text: .*line 1"):
        compiled("bad", "email", {"subject": "S", "text": "{{"})
    kept = compiled("bad", "email", {"subject": "S", "text": "x"})
    assert isinstance(kept.render({}), RenderedEmail)


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    cache = CompiledCache(size=2, tags=100)
    content = {"subject": "S", "text": "x"}
    first = cache.fetch(1, channel="email", content=content)
    second = cache.fetch(2, channel="email", content=content)
    assert cache.fetch(1, channel="email", content=content) is first
    cache.fetch(3, channel="email", content=content)
    assert cache.fetch(1, channel="email", content=content) is first
    assert cache.fetch(2, channel="email", content=content) is not second


def test_the_cache_holds_few_large_templates() -> None:
    cache = CompiledCache(size=100, tags=100)
    content = {"subject": "S", "text": "{{ n }}" * 60}
    first = cache.fetch(1, channel="email", content=content)
    assert cache.fetch(1, channel="email", content=content) is first
    second = cache.fetch(2, channel="email", content=content)
    assert cache.fetch(2, channel="email", content=content) is second
    assert cache.fetch(1, channel="email", content=content) is not first


def test_threads_share_the_cache_and_the_compiled_content() -> None:
    cache, results = CompiledCache(size=4, tags=100), []

    def work(number: int) -> None:
        for turn in range(50):
            key = (number + turn) % 8
            content = {"subject": "S", "text": f"{key} {{{{ n }}}}"}
            rendered = cache.fetch(key, channel="email", content=content).render({"n": number})
            results.append(rendered == RenderedEmail("S", f"{key} {number}", ""))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 200
