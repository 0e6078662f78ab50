"""MJML to HTML, within bounds: nothing is fetched, no file is read, nothing nests deep."""

import re

import mrml

from apps.templates.rendering.errors import TranslationFault

MAX_TAGS = 3000
# The parser goes down a level of the stack for each, and ends the process at some thousands.
MAX_DEPTH = 60

# Quotes may hold brackets. Possessive: an unclosed tag fails at once, and is the first fault.
_TAG = re.compile(r"""<(/?)([^\s<>/"'=]++)(?:"[^"]*+"|'[^']*+'|[^<>"'])*+>""")
_OPENING = re.compile(r"<!--.*?(?:-->|\Z)|<(?![!?])", re.DOTALL)
_INCLUDE = re.compile(r"<mj-include\b", re.IGNORECASE)
_POSITION = re.compile(r" in root template(?: at position (\d+):\d+)?$")
_VOID = frozenset({"br", "hr", "img", "input", "wbr", "col", "area", "base", "meta", "link"})
_OPTIONS = mrml.ParserOptions(include_loader=mrml.noop_loader())


def translate_mjml(source: str) -> str:
    """Return the HTML. Raises TranslationFault with an index into the source."""
    if (include := _INCLUDE.search(source)) is not None:
        raise TranslationFault("mj-include is not supported: nothing is read", include.start())
    _check_nesting(source)
    try:
        return mrml.to_html(source, _OPTIONS).content
    except OSError as error:  # what mrml raises for whatever it cannot read
        raise _explain_failure(source, str(error)) from error


def _check_nesting(source: str) -> None:
    open_tags: list[str] = []
    for count, opening in enumerate(_OPENING.finditer(source)):
        if opening.group() == "<":
            _follow_tag(source, opening.start(), open_tags)
        if count > MAX_TAGS or len(open_tags) > MAX_DEPTH:
            message = f"over {MAX_TAGS} tags or {MAX_DEPTH} levels deep"
            raise TranslationFault(message, opening.start())


def _follow_tag(source: str, start: int, open_tags: list[str]) -> None:
    match = _TAG.match(source, start)
    if match is None:
        raise TranslationFault("not MJML: a tag that is not closed", start)
    name = match.group(2).lower()
    if match.group(1):  # a closing tag that closes something else takes nothing off
        if open_tags[-1:] == [name]:
            open_tags.pop()
    elif not match.group().endswith("/>") and name not in _VOID:
        open_tags.append(name)


def _explain_failure(source: str, words: str) -> TranslationFault:
    match = _POSITION.search(words)
    if match is None:
        return TranslationFault("not MJML that can be read", 0)
    message = words[: match.start()]
    if match.group(1) is None:
        return TranslationFault(f"not MJML: {message}", len(source.rstrip()))
    # mrml counts bytes, and the blanks before what it did not expect.
    rest = source.encode()[int(match.group(1)) :].decode(errors="ignore").lstrip()
    return TranslationFault(f"not MJML: {message}", len(source) - len(rest))
