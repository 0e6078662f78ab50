"""Reads a parsed template: mistakes that liquid would only meet later, and what must be given."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from liquid import BoundTemplate, Token
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin.expressions import (
    BooleanExpression,
    FilteredExpression,
    KeywordArgument,
    Path,
    logical,
    primitive,
)
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.context import RenderContext
from liquid.expression import Expression

from apps.templates.rendering.filters import FILTERS

MAX_RANGE = 1000
_MAX_PATH_DEPTH = 2

_PRESENCE = (
    logical.EqExpression,
    logical.LtExpression,
    logical.LeExpression,
    logical.GtExpression,
    logical.GeExpression,
    logical.ContainsExpression,
)


@dataclass
class TemplateFindings:
    """Mistakes with the token they sit at, and the variables used without a test or default."""

    mistakes: list[tuple[Token, str]] = field(default_factory=list)
    required: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """What holds at a place: loop variables, paths a surrounding `if` has tested, in a loop?"""

    names: frozenset[str] = frozenset()
    tested: tuple[str, ...] = ()
    in_loop: bool = False

    def covers(self, path: Path) -> bool:
        """Say whether the path is a loop's variable, or known to be given."""
        name = str(path)
        return path.path[0] in self.names or any(
            name == known or name.startswith((f"{known}.", f"{known}[")) for known in self.tested
        )


def analyze_template(template: BoundTemplate) -> TemplateFindings:
    """Walk all nodes and expressions. Raises RecursionError for absurdly nested expressions."""
    walker = _Walker(RenderContext(template))
    for node in template.nodes:
        walker.visit_node(node, Scope())
    return walker.findings


class _Walker:
    def __init__(self, context: RenderContext) -> None:
        self.context = context
        self.findings = TemplateFindings()

    def visit_node(self, node: Node, scope: Scope) -> None:
        self._check_interrupt(node, scope)
        is_test = isinstance(node, IfNode | UnlessNode | ConditionalBlockNode)
        for expression in node.expressions():
            self.visit_expression(expression, scope, optional=is_test)
        for child in node.children(self.context):
            self.visit_node(child, _enter(node, child, scope))

    def visit_expression(
        self, expression: Expression, scope: Scope, *, optional: bool = False
    ) -> None:
        if isinstance(expression, FilteredExpression):
            self._visit_filtered(expression, scope)
        elif isinstance(expression, Path):
            self._visit_path(expression, scope, optional=optional)
        else:
            self._check_range(expression)
            for child in expression.children():
                self.visit_expression(child, scope, optional=optional)

    def _visit_filtered(self, expression: FilteredExpression, scope: Scope) -> None:
        filters = expression.filters or []
        names = [found.name for found in filters]
        self.visit_expression(expression.left, scope, optional=names[:1] == ["default"])
        for position, found in enumerate(filters):
            self._check_filter(found.token, found.name, found.args)
            # In `a | default: b | default: "c"` neither a nor b must be given.
            optional = names[position : position + 2] == ["default", "default"]
            for argument in found.children():
                self.visit_expression(argument, scope, optional=optional)

    def _visit_path(self, path: Path, scope: Scope, *, optional: bool, depth: int = 1) -> None:
        if not isinstance(path.path[0], str) or depth > _MAX_PATH_DEPTH:
            self._report(path.token, "not the name of a variable")
            return
        for segment in path.path:
            if isinstance(segment, Path):
                self._visit_path(segment, scope, optional=optional, depth=depth + 1)
        if not optional and not scope.covers(path):
            self.findings.required.setdefault(str(path), path)

    def _check_filter(self, token: Token, name: str, args: Iterable[object]) -> None:
        if name not in FILTERS:
            self._report(token, f"unknown filter '{name[:50]}'")
        # A name could otherwise replace what the sandbox itself passes to the filter.
        named = {argument.name for argument in args if isinstance(argument, KeywordArgument)}
        if named - ({"allow_false"} if name == "default" else set()):
            self._report(token, f"the filter '{name[:50]}' takes no named values")

    def _check_range(self, expression: Expression) -> None:
        if not isinstance(expression, primitive.RangeLiteral):
            return
        ends = (expression.start, expression.stop)
        values = [end.value for end in ends if isinstance(end, primitive.IntegerLiteral)]
        # Liquid walks through a range, or makes a list of it, before it looks at its limits.
        if len(values) < len(ends) or values[1] - values[0] >= MAX_RANGE:
            self._report(
                expression.token, f"a range is two whole numbers, up to {MAX_RANGE} steps"
            )

    def _check_interrupt(self, node: Node, scope: Scope) -> None:
        if isinstance(node, BreakNode | ContinueNode) and not scope.in_loop:
            self._report(node.token, "only inside a for loop")

    def _report(self, token: Token, message: str) -> None:
        self.findings.mistakes.append((token, message))


def _enter(node: Node, child: Node, scope: Scope) -> Scope:
    if isinstance(node, ForNode):
        names = scope.names | {str(name) for name in node.block_scope()}
        return Scope(names=names, tested=scope.tested, in_loop=True)
    condition = _find_condition(node, child)
    tested = (*scope.tested, *_find_tested(condition)) if condition else scope.tested
    return Scope(names=scope.names, tested=tested, in_loop=scope.in_loop)


def _find_condition(node: Node, child: Node) -> Expression | None:
    if isinstance(node, IfNode) and child is node.consequence:
        return node.condition
    return node.expression if isinstance(node, ConditionalBlockNode) else None


def _find_tested(condition: Expression) -> Iterable[str]:
    """Name the paths that must be given where the condition is true."""
    if isinstance(condition, BooleanExpression):
        yield from _find_tested(condition.expression)
    elif isinstance(condition, logical.LogicalAndExpression):
        yield from _find_tested(condition.left)
        yield from _find_tested(condition.right)
    elif isinstance(condition, Path):
        yield str(condition)
    elif isinstance(condition, _PRESENCE) and isinstance(condition.left, Path):
        yield from _find_compared(condition.left, condition.right)


def _find_compared(left: Path, right: Expression) -> Iterable[str]:
    if isinstance(right, primitive.StringLiteral | primitive.IntegerLiteral):
        yield str(left)
