"""A linear look at a template's source, before the parser of liquid may see it.

Liquid finds markup with regular expressions that take quadratic time on what is never closed and
on long blanks: 64 KiB of spaces behind one `{{` held it for minutes. Markup that passes here is
closed, short, few and named in the list, so that no such input is left.
"""

import re

from apps.templates.rendering.errors import ContentError, report_at

MAX_SOURCE = 64 * 1024
MAX_MARKUP = 1000
TAGS = {
    *("if", "elsif", "else", "endif", "unless", "endunless"),
    *("for", "endfor", "break", "continue"),
    *("case", "when", "endcase"),
    *("comment", "endcomment", "#"),
}

_TOO_MANY = "too many tags and outputs in this content"

_OPENING = re.compile(r"\{[{%]")
_CLOSINGS = {"{{": "}}", "{%": "%}"}
_TAG_NAME = re.compile(r"\{%-?\s*(#|\w+)?")
_LONG_BLANK = re.compile(r"\s{100}")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")  # NUL, and halves of characters


def scan_source(*, part: str, source: str, allowance: int) -> tuple[int, ContentError | None]:
    """Count the tags and outputs of a source, up to `allowance`; stop at the first mistake."""
    if (fault := _find_unsendable(part, source)) is not None:
        return 0, fault
    count, position = 0, 0
    while (opening := _OPENING.search(source, position)) is not None:
        start, count = opening.start(), count + 1
        closing = source.find(_CLOSINGS[opening.group()], start + 2, start + MAX_MARKUP)
        message = _judge_markup(source, start, closing) if count <= allowance else _TOO_MANY
        if message:
            return count, report_at(
                part=part, message=message, source=source, index=start, length=2
            )
        position = closing + 2
    return count, None


def _find_unsendable(part: str, source: str) -> ContentError | None:
    if (match := _UNSENDABLE.search(source)) is None:
        return None
    message = "a character that no message can carry"
    return report_at(part=part, message=message, source="", index=match.start())


def _judge_markup(source: str, start: int, closing: int) -> str:
    if closing < 0:
        return f"not closed within {MAX_MARKUP} characters"
    inner = source[start + 2 : closing]
    if not inner.strip("- \t\r\n"):
        return "nothing between the braces"
    if _LONG_BLANK.search(inner):
        return "more than 99 blanks in a row between the braces"
    return _judge_tag(source, start) if source.startswith("{%", start) else ""


def _judge_tag(source: str, start: int) -> str:
    match = _TAG_NAME.match(source, start)
    name = match.group(1) if match else None
    if name is None:
        return "missing tag name"
    return "" if name in TAGS else f"unknown tag '{name[:50]}'"
