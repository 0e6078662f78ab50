"""What can be wrong with content, when it is checked and when it is rendered."""

from collections.abc import Iterable
from dataclasses import dataclass

_EXCERPT_RADIUS = 60  # minified HTML is one line of many kilobytes


class RenderingError(Exception):
    """A part of the content cannot be rendered; the message never holds a variable's value."""

    code = "rendering_failed"

    def __init__(self, part: str, message: str) -> None:
        super().__init__(f"{part}: {message}")
        self.part = part
        self.message = message


class MissingVariables(Exception):
    """Variables that the content needs were not given; `names` holds all of them."""

    code = "missing_variables"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"missing variables: {', '.join(self.names)}")


class TranslationFault(Exception):
    """MJML or Markdown that cannot become HTML, and where in its source; see `building`."""

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.message = message
        self.index = index


@dataclass(frozen=True, slots=True)
class ContentError:
    """One mistake of an author; line and column count from 1, the excerpt points with carets."""

    part: str
    line: int
    column: int
    message: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class ContentReport:
    """What a check found: mistakes, and the names of the variables that must be given."""

    errors: tuple[ContentError, ...]
    required_variables: tuple[str, ...]


def report_at(
    *, part: str, message: str, source: str = "", index: int = 0, length: int = 1
) -> ContentError:
    """Turn an index into a template's source into a line, a column and an excerpt."""
    index = min(max(index, 0), len(source))
    start = source.rfind("\n", 0, index) + 1
    end = source.find("\n", index)
    text = source[start : len(source) if end < 0 else end]
    line, column = source.count("\n", 0, index) + 1, index - start
    return ContentError(part, line, column + 1, message, _draw_excerpt(text, line, column, length))


def _draw_excerpt(text: str, line: int, column: int, length: int) -> str:
    if not text.strip():
        return ""
    first = max(column - _EXCERPT_RADIUS, 0)
    shown = text[first : column + _EXCERPT_RADIUS].replace("\t", " ").rstrip()
    carets = "^" * max(1, min(length, len(shown) - (column - first)))
    number = str(line)
    return f"{number} | {shown}\n{' ' * len(number)} | {' ' * (column - first)}{carets}"
