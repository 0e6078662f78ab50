"""The short way of plain templates gives what liquid gives, or leaves it to liquid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid import Environment

from apps.templates.rendering.metering import Meter
from apps.templates.rendering.plain import MOST_CHARACTERS, read_plain
from apps.templates.rendering.sandbox import HTML_SANDBOX, TEXT_SANDBOX, render_template

SANDBOXES = pytest.mark.parametrize("sandbox", [HTML_SANDBOX, TEXT_SANDBOX])
VALUES = st.text(alphabet=st.sampled_from("aé<>&\"'\r\n {}%Ω\U0001f600"))
TEXTS = st.text(alphabet=st.sampled_from("ab \r\n<é"))


@SANDBOXES
@given(first=TEXTS, last=TEXTS, one=VALUES, two=VALUES)
def test_it_renders_what_liquid_renders(
    sandbox: Environment, first: str, last: str, one: str, two: str
) -> None:
    template = sandbox.from_string(f"{first}{{{{ one }}}}\r\n{{{{two}}}}{{{{ one }}}}{last}")
    variables = {"one": one, "two": two, "three": 3}
    plain = read_plain(template)
    assert plain is not None
    meter = Meter(weight=0)
    rendered = render_template(template, part="text", variables=variables, meter=meter)
    assert plain.fill(variables) == rendered


@SANDBOXES
@pytest.mark.parametrize(
    "source",
    [
        "{{ a.b }}",
        "{{ a | upcase }}",
        "{{ 'a' }}",
        "{{ a[0] }}",
        "{% if a %}x{% endif %}",
        "{% comment %}x{% endcomment %}",
        "{{ a }}" * 300,
    ],
)
def test_what_is_not_plain_is_left_to_liquid(sandbox: Environment, source: str) -> None:
    assert read_plain(sandbox.from_string(source)) is None


@pytest.mark.parametrize("value", [None, 1, 1.5, True, ["a"], {"a": 1}, "x" * MOST_CHARACTERS])
def test_values_that_are_no_small_text_are_left_to_liquid(value: object) -> None:
    plain = read_plain(HTML_SANDBOX.from_string("to {{ a }}"))
    assert plain is not None
    assert plain.fill({"a": value}) is None
    assert plain.fill({}) is None
    assert plain.fill({"a": "you"}) == "to you"
