"""Templates of text and plain names, as most are: put together without walking through liquid.

Liquid decides what the result is; here it is only found sooner. Whatever is not plain (another
tag, a filter, a path, a value that is no text, a missing one) is left to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liquid import BoundTemplate
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from markupsafe import escape

# Far below every limit of the sandbox, so that nothing has to be metered.
MOST_NODES = 200
MOST_CHARACTERS = 32 * 1024


@dataclass(frozen=True, slots=True)
class PlainTemplate:
    """Texts, with the name of a variable between each two of them."""

    texts: Sequence[str]
    names: Sequence[str]
    escapes: bool

    def fill(self, variables: Mapping[str, object]) -> str | None:
        """Return the rendered text; None where liquid has to render it."""
        pieces = [self.texts[0]]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            value = variables.get(name)
            if type(value) is not str:
                return None
            pieces.append(_fold_lines(escape(value) if self.escapes else value))
            pieces.append(text)
        filled = "".join(pieces)
        return filled if len(filled) <= MOST_CHARACTERS else None


def read_plain(template: BoundTemplate) -> PlainTemplate | None:
    """Return the template as a plain one; None where it is not."""
    if len(template.nodes) > MOST_NODES:
        return None
    texts, names = [""], list[str]()
    for node in template.nodes:
        if type(node) is ContentNode:
            texts[-1] += _fold_lines(node.text)
        elif name := _read_name(node):
            names.append(name)
            texts.append("")
        else:
            return None
    return PlainTemplate(texts, names, escapes=template.env.autoescape)


def _read_name(node: Node) -> str:
    """Return the name that `{{ name }}` prints, "" for anything else."""
    if type(node) is not OutputNode or type(node.expression) is not FilteredExpression:
        return ""
    printed = node.expression
    if printed.filters or type(printed.left) is not Path or len(printed.left.path) != 1:
        return ""
    head = printed.left.path[0]
    return head if isinstance(head, str) else ""


def _fold_lines(text: str) -> str:
    """Return the text with the line ends that liquid's buffer leaves."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else str(text)
