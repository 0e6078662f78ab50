"""HTML and text made of MJML or Markdown once, with the liquid still in them.

What a version is sent as is kept with it: a later release of a translator changes nothing that
was written before, and delivering translates nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.templates.rendering.errors import RenderingError, TranslationFault
from apps.templates.rendering.markdown import translate_markdown
from apps.templates.rendering.markup import HiddenMarkup, hide_markup
from apps.templates.rendering.mjml import translate_mjml
from apps.templates.rendering.output import finish_html

FORMATS: Final = ("mjml", "markdown")


@dataclass(frozen=True, slots=True)
class BuiltBody:
    """What a mail's MJML or Markdown became: two liquid templates, styles already inlined."""

    html: str
    text: str


def find_format(content: Mapping[str, object]) -> str | None:
    """Return which part has to be translated before it can be sent; None where none has."""
    return next((part for part in FORMATS if str(content.get(part) or "").strip()), None)


def build_body(*, part: str, source: str) -> BuiltBody:
    """Translate a source that was scanned. Raises TranslationFault with an index into it."""
    hidden = hide_markup(source)
    try:
        html = translate_mjml(hidden.text) if part == "mjml" else translate_markdown(hidden)
        styled, _ = finish_html(html, text_needed=False)
        _, text = finish_html(hidden.show_tags(html), text_needed=True)
    except TranslationFault as fault:
        raise TranslationFault(fault.message, hidden.locate(fault.index)) from fault
    except RenderingError as error:
        raise TranslationFault(error.message, 0) from error
    _require_all(hidden, styled)
    return BuiltBody(html=hidden.restore(styled), text=hidden.restore_text(text))


def _require_all(hidden: HiddenMarkup, html: str) -> None:
    if (lost := hidden.find_lost(html)) is not None:
        message = "this would be dropped here: put it inside a text, a link or an <mj-raw>"
        raise TranslationFault(message, lost.start)
