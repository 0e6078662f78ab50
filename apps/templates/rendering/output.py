"""What becomes of rendered text: single lines, checked links, finished HTML and its text."""

import re
from urllib.parse import urlsplit

import css_inline
import lxml.html
from inscriptis import Inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml import etree

from apps.templates.rendering.errors import RenderingError

MAX_LINE = 998  # RFC 5322 §2.1.1
MAX_URL = 2048

# The bounds of what is parsed as HTML. The parsers take quadratic time on many attributes, and
# css-inline ends the whole process on deep nesting and copies the styles to every element.
MAX_HTML = 128 * 1024  # Gmail cuts off mail longer than 102 KiB
MAX_STYLED_HTML = 512 * 1024
MAX_ELEMENTS = 5000
MAX_DEPTH = 100
MAX_ELEMENTS_BY_DEPTH = 150_000
MAX_ELEMENTS_BY_STYLE = 5_000_000

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_URL = re.compile(r"https?://[^\s\x00-\x20\x7f\"<>\\^`{|}]+", re.IGNORECASE)
_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_TABLE_ROWS = {"table", "tbody", "thead", "tfoot", "tr", "caption"}
_TABLE_CELLS = {"td", "th"}
_LAYOUT_ATTRIBUTES = ("style", "align", "valign", "value")
_BLANK_LINES = re.compile(r"\n{3,}")


def join_lines(text: str, *, part: str) -> str:
    """Make one line of a subject or title: a line break in a header starts another header."""
    line = _CONTROLS.sub(" ", text).strip()
    if len(line) > MAX_LINE:
        raise RenderingError(part, f"longer than {MAX_LINE} characters")
    return line


def check_url(text: str, *, part: str) -> str:
    """Return the http or https URL without blanks around it, "" if there is none."""
    url = text.strip()
    if url and not _is_web_url(url):
        raise RenderingError(part, "not an http or https URL")
    return url


def finish_html(html: str, *, text_needed: bool, is_styled: bool = False) -> tuple[str, str]:
    """Return the HTML with the rules of its `style` elements inlined, and its text if needed.

    `is_styled`: that was done before. Nothing is fetched and no file is read; `link` elements and
    imports stay untouched or go. Raises RenderingError for HTML too large or too deep.
    """
    needs_styles = not is_styled and _STYLE.search(html) is not None
    if not html.strip() or not (needs_styles or text_needed):
        return html, ""
    document = _parse_html(html)
    if needs_styles:
        html = _inline_styles(document)
    return html, _extract_text(document) if text_needed else ""


def _is_web_url(url: str) -> bool:
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


def _parse_html(html: str) -> lxml.html.HtmlElement:
    if len(html) > MAX_HTML:
        message = f"HTML with styles, or without a text, is limited to {MAX_HTML // 1024} KiB"
        raise RenderingError("html", message)
    parser = lxml.html.HTMLParser(encoding="utf-8")
    try:
        document = lxml.html.document_fromstring(html.encode(), parser=parser)
    except etree.ParserError as error:  # nothing but comments
        raise RenderingError("html", "no content") from error
    _check_shape(document)
    return document


def _check_shape(document: lxml.html.HtmlElement) -> None:
    elements, deepest = _measure_tree(document)
    style = sum(len(sheet.text or "") for sheet in document.iter("style"))
    if elements > MAX_ELEMENTS or deepest > MAX_DEPTH:
        raise RenderingError("html", f"over {MAX_ELEMENTS} elements or {MAX_DEPTH} levels deep")
    if elements * deepest > MAX_ELEMENTS_BY_DEPTH:
        raise RenderingError("html", "too many elements for nesting this deep")
    if elements * style > MAX_ELEMENTS_BY_STYLE:
        raise RenderingError("html", "the styles are too long for this many elements")


def _measure_tree(document: lxml.html.HtmlElement) -> tuple[int, int]:
    elements = depth = deepest = 0
    for event, _ in etree.iterwalk(document, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        deepest = max(deepest, depth)
    return elements, deepest


def _inline_styles(document: lxml.html.HtmlElement) -> str:
    # The document as lxml understood it: every element closed. Left open, a thousand elements
    # such as <b> become millions in the parser of css-inline, as the HTML standard asks for.
    html = lxml.html.tostring(document.getroottree(), encoding="unicode")
    # At-rules stay in the head, for the mail programs that know media queries.
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
    try:
        styled = inliner.inline(html)
    except css_inline.InlineError as error:
        raise RenderingError("html", "the styles cannot be inlined") from error
    if len(styled) > MAX_STYLED_HTML:
        limit = MAX_STYLED_HTML // 1024
        raise RenderingError("html", f"longer than {limit} KiB with its styles inlined")
    return styled


def _extract_text(document: lxml.html.HtmlElement) -> str:
    for element in document.iter(etree.Element):
        _strip_layout(element)
    settings = ParserConfig(css=CSS_PROFILES["strict"], display_links=True)
    text = str(Inscriptis(document, settings).get_text())
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return _BLANK_LINES.sub("\n\n", lines).strip() + "\n"


def _strip_layout(element: lxml.html.HtmlElement) -> None:
    """Leave only what the text needs, and hidden what the author hid.

    Tables lay mail out. As tables of text they would be padded to the width of their widest cell:
    unreadable, and megabytes for one long cell in a thousand rows. Margins of an author's choice
    would be as many blank lines.
    """
    hidden = "display:none" in "".join(element.get("style", "").lower().split())
    for name in _LAYOUT_ATTRIBUTES:
        element.attrib.pop(name, None)
    if hidden:
        element.set("style", "display:none")
    if element.tag in _TABLE_CELLS:
        element.tag, element.tail = "span", f" {element.tail or ''}"
    elif element.tag in _TABLE_ROWS:
        element.tag = "div"
