"""Liquid markup behind marks that the translators of MJML and Markdown leave as they are.

An output becomes a word. A tag becomes a comment, which may stand between rows and columns, where
text would be moved or dropped; inside a tag of HTML or another comment it becomes a word too.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

# Each is closed and short: `scan_source` has seen to it.
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one piece of markup stands in the source, and its mark in the text."""

    start: int
    end: int
    text_start: int
    text_end: int


@dataclass(frozen=True, slots=True)
class HiddenMarkup:
    """A source with marks in place of its markup, and the way back."""

    source: str
    text: str
    prefix: str
    places: Mapping[str, Place]  # by the word that is, or is in, the mark

    def restore(self, html: str) -> str:
        """Put the markup back in place of the marks, also of those that were escaped."""
        word = rf"({self.prefix}\d+[ot])"
        return re.sub(rf"(?:<|&lt;)!--{word}--(?:>|&gt;)|{word}", self._find_markup, html)

    def restore_text(self, text: str) -> str:
        """As `restore`; a line of nothing but tags leaves no empty line behind."""
        lonely = re.compile(rf"^[ \t]*((?:{self.prefix}\d+t[ \t]*)+)\n", re.MULTILINE)
        return self.restore(lonely.sub(lambda match: match.group(1).strip(), text))

    def show_tags(self, html: str) -> str:
        """Turn comments into words: what makes text of HTML drops comments."""
        return re.sub(rf"<!--({self.prefix}\d+t)-->", r"\1", html)

    def drop_foreign_comments(self, html: str) -> str:
        """Keep no comment but ours: in some of an author's Outlook would read HTML."""
        return re.sub(rf"<!--(?!{self.prefix}\d+t-->).*?-->", "", html, flags=re.DOTALL)

    def find_lost(self, html: str) -> Place | None:
        """Return the first markup that did not get through to the HTML."""
        kept = set(re.findall(rf"{self.prefix}\d+[ot]", html))
        return next((place for word, place in self.places.items() if word not in kept), None)

    def locate(self, index: int) -> int:
        """Return the place in the source of a place in the text."""
        before = [place for place in self.places.values() if place.text_start <= index]
        if not before:
            return index
        last = before[-1]
        return last.start if index < last.text_end else last.end + index - last.text_end

    def _find_markup(self, match: re.Match[str]) -> str:
        place = self.places.get(match.group(1) or match.group(2))
        return self.source[place.start : place.end] if place else match.group()


def hide_markup(source: str) -> HiddenMarkup:
    """Replace all markup of a source that was scanned.

    Nobody can write a mark: a translator that decodes entities would make one of `z&#113;`.
    """
    prefix = f"zq{secrets.token_hex(8)}"
    pieces, places, length, end = [], {}, 0, 0
    for number, match in enumerate(_MARKUP.finditer(source)):
        word = f"{prefix}{number}{'o' if match.group().startswith('{{') else 't'}"
        literal = source[end : match.start()]
        mark = word if word.endswith("o") or _is_in_markup(source, match) else f"<!--{word}-->"
        start = length + len(literal)
        length, end = start + len(mark), match.end()
        places[word] = Place(match.start(), end, start, length)
        pieces += [literal, mark]
    return HiddenMarkup(source, "".join([*pieces, source[end:]]), prefix, places)


def _is_in_markup(source: str, match: re.Match[str]) -> bool:
    """Does it stand inside a tag of HTML, or in a comment?"""
    start = match.start()
    in_tag = source.rfind("<", 0, start) > source.rfind(">", 0, start)
    return in_tag or source.rfind("<!--", 0, start) > source.rfind("-->", 0, start)
