"""What a hostile author or a hostile variable tries on the template engine.

Every payload runs in one child process with a memory limit, so that a hole shows as a failed
test and not as a dead test run. The child reports how long each took and how far memory grew.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.templates.rendering import (
    RenderedEmail,
    RenderingError,
    check_content,
    compile_content,
)

MAX_SECONDS = 1.0
MAX_GROWTH_KIB = 50 * 1024
LOOP = "{% for i in (1..1000) %}"
END = "{% endfor %}"
BIG = "x" * 200_000
STYLE = "<style>q{a:b}</style>"

INJECTIONS = {
    "class": "{{ a.__class__.__mro__ }}",
    "class by index": "{{ a['__class__']['__base__'] }}",
    "globals": "{{ a.__init__.__globals__ }}",
    "method": "{{ a.upper }}{{ d.items }}{{ d.keys }}{{ l.append }}",
    "call": "{{ a.upper() }}",
    "self": "{{ self.__dict__ }}",
    "forloop class": "{% for i in l %}{{ forloop.__class__ }}{% endfor %}",
    "forloop iterator": "{% for i in l %}{{ forloop.it }}{{ forloop.step }}{% endfor %}",
    "format": "{{ '{0.__class__}' | format: a }}",
    "percent": "{{ '%s' | date: '%s' }}",
    "jinja": "{% set x = 1 %}{{ x }}",
    "jinja arithmetic": "{{ 7*7 }}",
    "django load": "{% load static %}{% debug %}",
    "python": "{{ __import__('os').system('id') }}",
    "erb": "<%= 7*7 %>",
    "dollar": "${7*7} #{7*7}",
    "mustache": "{{{ a }}}",
    "include": "{% include '/etc/passwd' %}",
    "render": "{% render 'x' %}",
    "extends": "{% extends 'x' %}",
    "raw": "{% raw %}{{ a }}{% endraw %}",
    "liquid tag": "{% liquid assign x = 1 %}",
    "assign": "{% assign x = 'y' %}{{ x }}",
    "capture": "{% capture x %}y{% endcapture %}",
    "increment": "{% increment x %}",
    "tablerow": "{% tablerow i in l %}{% endtablerow %}",
    "safe": "{{ a | safe }}",
    "replace": "{{ a | replace: 'a', 'b' }}",
    "split": "{{ a | split: '' }}",
    "map": "{{ l | map: '__class__' }}",
    "join": "{{ l | join: a }}",
    "environment": "{{ a | escape: environment: d }}",
    "context": "{{ a | upcase: context: d }}",
    "unknown option": "{{ a | truncate: num: 3 }}",
    "ternary": "{{ a if true else l }}",
    "dynamic root": "{{ [a] }}",
    "undefined attribute": "{{ nothing.name.hint.token | default: nothing.msg }}",
    "break": "{% if true %}{% break %}{% endif %}",
    "date pattern": "{{ 1 | date: '%999999999d' }}",
    "date secret": "{{ 'now' | date: '%c' }}",
    "date type": "{{ l | date: '%Y' }}{{ d | date }}",
    "divide": "{{ 1 | divided_by: 0 }}",
    "modulo": "{{ 1e308 | modulo: 3 }}",
    "infinite": "{{ 'inf' | round }}",
    "not a number": "{{ 'nan' | round }}",
    "compare": "{% if a > 1 %}{% endif %}",
    "contains": "{% if 1 contains 1 %}{% endif %}",
    "limit": "{% for i in l limit: a %}{% endfor %}",
    "negative limit": "{% for i in l limit: -3 offset: -2 %}{{ i }}{% endfor %}",
    "unhashable": "{{ d[l] }}",
    "float index": "{{ l[d.f] }}",
    "else": "{% if a %}{% else %}{% else %}{% elsif %}{% endif %}",
    "when": "{% when 1 %}",
    "case junk": "{% case a %}junk{% endcase %}",
    "empty tag": "{% %}",
    "nul": "{{ a }}\x00",
    "surrogate": "{{ a }}\udcff",
    "script": "<script>{{ a }}</script>",
}

BOMBS = {
    "many outputs": "{{a}}" * 13_000,
    "many tags": "{% if true %}{% endif %}" * 2_700,
    "unclosed": "{{ " * 21_000,
    "unclosed tags": "{% if " * 10_000,
    "blank output": "{{" + " " * 60_000,
    "blank closed": ("{{" + " " * 990 + "}}") * 64,
    "blank tag": ("{% if true" + " " * 900 + "%}{% endif" + " " * 900 + "%}") * 32,
    "unclosed in a comment": "{% comment %}" + "{{ " * 21_000,
    "raw in a comment": "{% comment %}" + "{% raw %}" * 7_000,
    "braces": "{" * 65_000,
    "nested ifs": "{% if true %}" * 500 + "{% endif %}" * 500,
    "nested loops": LOOP * 3 + "x" + END * 3,
    "loop to nothing": LOOP * 2 + END * 2,
    "loops in a row": (LOOP + "{{ n }}" * 2 + END) * 300,
    "body of nothing": LOOP + "{{ n }}" * 990 + END,
    "body of literals": LOOP + "{{ '' }}" * 990 + END,
    "body of tests": LOOP + "{% if n %}{% endif %}" * 490 + END,
    "body of comments": LOOP + "{% # %}" * 990 + END,
    "output": LOOP + "x" * 1_000 + END,
    "range": "{% for i in (1..100000000) %}{% endfor %}",
    "range reversed": "{% for i in (1..100000000) reversed %}{% endfor %}",
    "range offset": "{% for i in (1..99999999999) offset: 99999999990 %}{% endfor %}",
    "range contains": "{% if (1..99999999999) contains 'x' %}{% endif %}",
    "range variable": "{% for i in (1..huge) reversed %}{% endfor %}",
    "range output": "{{ (1..99999999999) | first }}{{ (1..99999999999) | last }}",
    "when": "{% case 1 %}{% when " + "1," * 200 + "1 %}",
    "nested when": ("{% case 1 %}{% when " + "1," * 40 + "1 %}") * 9 + "{% endcase %}" * 9,
    "filter chain": "{{ big" + " | upcase | downcase" * 40 + " }}",
    "filters in a loop": LOOP + "{{ big | upcase | downcase | truncate: 1, '' }}" + END,
    "growing filters": "{{ amps" + " | escape" * 80 + " }}",
    "growing lines": "{{ lines" + " | newline_to_br" * 50 + " }}",
    "contains in a loop": LOOP + "{% if list contains 'z' %}{% endif %}" * 20 + END,
    "compare in a loop": LOOP + "{% if list == other %}{% endif %}" * 20 + END,
    "stringify in a loop": LOOP + "{{ list | truncate: 1, '' }}" * 20 + END,
    "power": "{{ huge" + " | times: huge" * 60 + " }}",
    "long number": "{{ " + "9" * 900 + " | times: " + "9" * 50 + " }}",
    "digits": "{{ digits | plus: 1 }}",
    "deep index": "{{ " + "a[" * 400 + "a" + "]" * 400 + " }}",
    "long condition": "{% if a" + " and a" * 160 + " %}x{% endif %}",
    "long path": "{{ a" + ".b" * 490 + " }}",
    "long filter list": "{{ a" + "|strip" * 160 + " }}",
    "quotes": "{{ " + "'\"" * 490 + " }}",
    "unbalanced quotes": ("{{ " + "'" + '["' * 490 + " }}") * 60,
}

HTML_BOMBS = {
    "deep": STYLE + "<b>" * 20_000,
    "deep by a loop": STYLE + LOOP + "<b><i>" + END,
    "deep without styles": "<div>" * 20_000,
    "left open": STYLE + "<p>" + LOOP + "<b class='{{ i }}'>x<p>" + END,
    "foster parents": STYLE
    + "<table>"
    + "{% for i in (1..70) %}<b class='{{ i }}'>{% endfor %}"
    + LOOP
    + "<tr></tr>x"
    + END,
    "one rule for all": "<style>*{"
    + "".join(f"p{i}:b;" for i in range(1000))
    + "}</style>"
    + LOOP
    + "<i>x</i>"
    + END,
    "many rules": "<style>"
    + "".join(f"*{{p{i}:b}}" for i in range(500))
    + "</style>"
    + "{% for i in (1..700) %}<i>x</i>{% endfor %}",
    "slow selectors": "<style>"
    + "* ~ * * ~ * *:not(:has(q)) {a:b}" * 150
    + "</style>"
    + LOOP
    + "<i>x</i>"
    + END,
    "attributes": STYLE + "<a " + "{% for i in (1..900) %}" + " a{{ i }}b" * 10 + END + ">",
    "comments": STYLE + "<!--" * 16_000,
    "wide tables": "<table>" + "<tr><td>" + "x" * 30_000 + "</td></tr>" + LOOP + "<tr><td>" + END,
    "nested tables": "{% for i in (1..900) %}<table><tr><td>a{% endfor %}",
    "margins": "<p style='margin-top: 99999em; padding-left: 99999em'>x" * 500,
    "list numbers": "<ol><li value='\u00b2'>a<li value='" + "9" * 5_000 + "'>b</ol>",
    "nested lists": "{% for i in (1..900) %}<ul><li>a{% endfor %}",
    "broken styles": "<style>" + "p{" * 5_000 + "@media(" * 500 + "</style><p>x",
    "entities": STYLE + "&" * 60_000,
    "only comments": "<!-- <style> -->",
    "not html": "<style>",
    "processing": "<?xml version='1.0' encoding='utf-16'?><style>p{}</style><p>ü",
    "external entity": STYLE
    + "<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><p>&x;</p>",
}

VARIABLES: dict[str, object] = {
    "a": "ada",
    "n": "",
    "d": {"k": "v", "f": 1.5},
    "l": [1, 2],
    "huge": 2**120,
}
LARGE: dict[str, dict[str, object]] = {
    "filter chain": {"big": BIG},
    "filters in a loop": {"big": BIG},
    "growing filters": {"amps": "&" * 200_000},
    "growing lines": {"lines": "\n" * 200_000},
    "contains in a loop": {"list": list(range(30_000))},
    "compare in a loop": {"list": ["x"] * 12_000, "other": ["x"] * 12_000},
    "stringify in a loop": {"list": [["x"] * 12_000]},
    "digits": {"digits": "9" * 200_000},
}

CHILD = """
import json, pathlib, re, resource, sys, time
from apps.templates.rendering import *

GIB = 1 << 30
resource.setrlimit(resource.RLIMIT_AS, (2 * GIB, 2 * GIB))

def memory(kind):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(kind + r":\\s+(\\d+)", status).group(1))

def forget_peak():
    pathlib.Path("/proc/self/clear_refs").write_text("5")

def attempt(part, source, variables):
    content = {"subject": "S", "text": "", part: source}
    try:
        check_content(channel="email", content=content)
        mail = compile_content(channel="email", content=content).render(variables)
        return "rendered", mail.subject + mail.text + mail.html
    except (RenderingError, MissingVariables) as error:
        return error.code, str(error)

attempt("html", "<style>p{top:0}</style><p>{{ a | upcase }}</p>", {"a": "warm"})
for name, part, source, variables in json.load(sys.stdin):
    print(json.dumps({"name": name, "started": True}), flush=True)
    forget_peak()
    before, start = memory("VmRSS"), time.process_time()
    verdict, text = attempt(part, source, variables)
    print(json.dumps({
        "name": name, "verdict": verdict, "text": text[:2000],
        "seconds": time.process_time() - start, "growth": memory("VmHWM") - before,
    }), flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """What the child reported on one payload."""

    verdict: str = "died"
    text: str = ""
    seconds: float = 0
    growth: int = 0


def run_child(jobs: list[tuple[str, str, str, dict[str, object]]]) -> dict[str, Outcome]:
    child = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-W", "error", "-c", CHILD],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    reports = [json.loads(line) for line in child.stdout.splitlines()]
    outcomes = {
        report.pop("name"): Outcome(**report) for report in reports if "started" not in report
    }
    assert child.returncode == 0, (reports[-1:], child.stderr[-2000:])
    return outcomes


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    jobs = [
        (f"{part} {name}", part, source, {**VARIABLES, **LARGE.get(name, {})})
        for part, payloads in (
            ("text", INJECTIONS),
            ("html", INJECTIONS),
            ("text", BOMBS),
            ("html", BOMBS),
            ("html", HTML_BOMBS),
        )
        for name, source in payloads.items()
    ]
    return run_child(jobs)


@pytest.mark.parametrize("name", INJECTIONS)
@pytest.mark.parametrize("part", ["text", "html"])
def test_an_injection_ends_in_an_error_or_harmless_text(
    outcomes: dict[str, Outcome], part: str, name: str
) -> None:
    outcome = outcomes[f"{part} {name}"]
    assert outcome.verdict in {"rendered", "rendering_failed", "missing_variables"}
    if outcome.verdict == "rendered":
        for leak in ("<class", "built-in", "root:", "object at 0x", "uid=", "49", "iterator"):
            assert leak not in outcome.text


@pytest.mark.parametrize("name", [*BOMBS, *HTML_BOMBS])
def test_a_bomb_costs_little_time_and_memory(outcomes: dict[str, Outcome], name: str) -> None:
    found = [outcomes[key] for key in (f"text {name}", f"html {name}") if key in outcomes]
    assert found
    for outcome in found:
        assert outcome.verdict in {"rendered", "rendering_failed", "missing_variables"}
        assert outcome.seconds < MAX_SECONDS
        assert outcome.growth < MAX_GROWTH_KIB


class Secretive:
    """An object as a careless caller might pass one."""

    password = "hunter2"  # noqa: S105 - the canary


class ClaimsToBeSafe(str):
    """A text that tells the template engine not to escape it."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def nest(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


CYCLE: list[object] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "value",
    [
        Secretive(),
        ClaimsToBeSafe("<b>"),
        {"a": [Secretive]},
        {1: "x"},
        {ClaimsToBeSafe("k"): "x"},
        (1, 2),
        {1, 2},
        b"x",
        print,
        1j,
        float("nan"),
        float("inf"),
        10**1000,
        nest(8),
        nest(50_000),
        CYCLE,
        "a\x00b",
        "a\ud800b",
        {"a\x00": 1},
        "x" * 300_000,
        [0] * 300_000,
        [["x" * 1000] * 100] * 100,
    ],
    ids=lambda value: type(value).__name__,
)
def test_variables_that_are_not_plain_bounded_json_are_refused(value: object) -> None:
    template = compile_content(channel="email", content={"subject": "S", "text": "{{ v | size }}"})
    with pytest.raises(RenderingError, match=r"^variables: ") as caught:
        template.render({"v": value})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(RenderingError):
        template.find_missing({"v": value})


def test_plain_json_of_every_kind_is_accepted() -> None:
    template = compile_content(channel="email", content={"subject": "S", "text": "{{ v | size }}"})
    for value in (None, True, 0, 2**100, 1.5, "", "ü😀", [], {}, nest(6), {"a": {"b": [1, None]}}):
        assert isinstance(template.render({"v": value}), RenderedEmail)


@pytest.mark.parametrize(
    "source",
    [
        "{{ v | date }}",
        "{{ 1 | divided_by: v }}",
        "{{ v | truncate: v }}",
        "{{ v | upcase: w }}",
        "{% if v > 1 %}{% endif %}",
        "{% for i in (1..3) limit: v %}{% endfor %}",
    ],
)
def test_an_error_never_holds_the_value_of_a_variable(source: str) -> None:
    template = compile_content(channel="email", content={"subject": "S", "text": source})
    with pytest.raises(RenderingError) as caught:
        template.render({"v": "s3cret-canary", "w": {"s3cret": "s3cret"}})
    assert "s3cret" not in str(caught.value)


def test_the_limit_of_tags_counts_all_parts_together() -> None:
    data = {str(number): "{{ a }}" * 50 for number in range(30)}
    report = check_content(channel="push", content={"title": "T", "body": "B", "data": data})
    assert {error.message for error in report.errors} == {
        "too many tags and outputs in this content"
    }
