"""Markdown to the HTML of a whole mail; of raw HTML in it only what is harmless is kept."""

import re
from typing import Final

import nh3
from markdown_it import MarkdownIt

from apps.templates.rendering.errors import TranslationFault
from apps.templates.rendering.markup import HiddenMarkup

# About half a second of CPU for the worst there is: lists, unclosed images, emphasis.
MAX_MARKDOWN = 16 * 1024
# Each row is filled up to the columns of its table's head: some kilobytes make millions of cells.
MAX_CELLS = 5000

# Markdown makes no other elements; the rest is what authors reach for in a mail.
_ELEMENTS: Final = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code"),
    *("ul", "ol", "li", "strong", "em", "s", "del", "b", "i", "u", "sub", "sup", "small"),
    *("a", "img", "table", "thead", "tbody", "tr", "th", "td", "div", "span", "center"),
}
_ATTRIBUTES: Final = {
    "*": {"style", "align", "title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan", "valign"},
    "th": {"colspan", "rowspan", "valign"},
}
# Those with which text is dressed; none that loads, moves or covers anything.
_STYLES: Final = {
    *("color", "background-color", "font-size", "font-weight", "font-style", "text-align"),
    *("text-decoration", "line-height", "padding", "margin", "border", "border-radius"),
    *("width", "max-width", "display"),
}
_LINE_END: Final = re.compile(r"\r\n?|\n")
_FOR: Final = re.compile(r"\{%-?\s*for\b")
_END_FOR: Final = re.compile(r"\{%-?\s*endfor\b")
_SCHEMES: Final = {"http", "https", "mailto", "tel"}
_PARSER: Final = MarkdownIt("commonmark", {"html": True, "maxNesting": 20}).enable(
    ["table", "strikethrough"]
)

_PAGE: Final = """<!doctype html>
<html><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
body { margin: 0; padding: 0; }
.mail { max-width: 600px; margin: 0 auto; padding: 24px 20px; font-size: 16px; line-height: 1.55;
  font-family: -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 16px; }
h2 { font-size: 20px; line-height: 1.3; margin: 28px 0 12px; }
h3 { font-size: 17px; margin: 24px 0 8px; }
p, ul, ol, table, pre, blockquote { margin: 0 0 16px; }
img { max-width: 100%; height: auto; border: 0; }
a { color: #2563eb; }
@media (prefers-color-scheme: dark) { a { color: #93c5fd !important; } }
blockquote { padding: 0 0 0 16px; border-left: 3px solid #cbd5e1; }
code { font-family: Consolas, Menlo, monospace; font-size: 90%; }
pre { padding: 12px; border: 1px solid #cbd5e1; border-radius: 6px; overflow: auto; }
table { border-collapse: collapse; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid #cbd5e1; text-align: left; }
hr { border: 0; border-top: 1px solid #cbd5e1; margin: 24px 0; }
</style></head>
<body><div class="mail">
[body]
</div></body></html>
"""


def translate_markdown(hidden: HiddenMarkup) -> str:
    """Return a mail with plain styles around the text, the marks of liquid still in it.

    Raises TranslationFault for a source that is too long, or whose tables could be too large.
    """
    if len(hidden.source) > MAX_MARKDOWN:
        raise TranslationFault(f"longer than {MAX_MARKDOWN // 1024} KiB", MAX_MARKDOWN)
    _check_tables(hidden.text)
    html = nh3.clean(
        _PARSER.render(hidden.text),
        tags=_ELEMENTS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        filter_style_properties=_STYLES,
        strip_comments=False,
        link_rel=None,
    )
    body = _join_lists(hidden.drop_foreign_comments(html), hidden)
    return _PAGE.replace("[body]", body)


def _check_tables(text: str) -> None:
    lines = _LINE_END.split(text)
    widest = max(lines, key=lambda line: line.count("|"))
    if widest.count("|") * len(lines) > MAX_CELLS:
        message = f"a table this wide in this many lines: over {MAX_CELLS} cells"
        raise TranslationFault(message, text.index(widest))


def _join_lists(html: str, hidden: HiddenMarkup) -> str:
    """Take a loop around a list into it: one list of many items, not many lists of one."""

    def join(match: re.Match[str]) -> str:
        begin, kind, items, end = match.groups()
        is_loop = _FOR.match(hidden.restore(begin)) and _END_FOR.match(hidden.restore(end))
        return f"<{kind}>\n{begin}{items}{end}\n</{kind}>" if is_loop else match.group()

    mark, item = rf"(<!--{hidden.prefix}\d+t-->)", r"(?:(?!</?[uo]l>|<!--).)*"
    return re.sub(rf"{mark}\s*<(ul|ol)>\n({item})</\2>\s*{mark}", join, html, flags=re.DOTALL)
