"""The liquid environments in which authors' templates run: few tags, few filters, hard limits.

Each override here closes a way to burn CPU or memory that liquid's own limits leave open; the
tests in `test_template_sandbox.py` hold one example of each.
"""

from collections.abc import Mapping
from io import StringIO
from typing import TextIO, cast

from liquid import BoundTemplate, Environment, TokenStream
from liquid.ast import BlockNode, Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.tags import (
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidInterrupt
from liquid.output import LimitedStringIO
from liquid.tag import Tag
from liquid.token import Token

from apps.templates.rendering.errors import RenderingError
from apps.templates.rendering.filters import FILTERS
from apps.templates.rendering.metering import Meter, MissingValue, SandboxContext

MAX_OUTPUT = 256 * 1024

_CaseBlock = case_tag.MultiExpressionBlockNode | BlockNode

_CHARACTERS_PER_NODE = 8

# What liquid lets through when an operation meets a value of the wrong kind.
_FAULTS = (
    LiquidInterrupt,
    RecursionError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class MeteredBlock(BlockNode):
    """The body of a loop, which pays for its length each time around."""

    __slots__ = ("steps",)

    def __init__(self, block: BlockNode, *, steps: int) -> None:
        super().__init__(block.token, block.nodes)
        self.steps = steps

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        cast("SandboxContext", context).meter.charge(self.steps)
        return super().render_to_output(context, buffer)


class MeteredForNode(for_tag.ForNode):
    def __init__(
        self,
        token: Token,
        expression: LoopExpression,
        block: BlockNode,
        default: BlockNode | None = None,
    ) -> None:
        length = max(block.token.start_index - token.start_index, 0)
        steps = 1 + length // _CHARACTERS_PER_NODE
        super().__init__(token, expression, MeteredBlock(block, steps=steps), default)


class MeteredForTag(for_tag.ForTag):
    node_class = MeteredForNode


class SingleMatchBlock(case_tag.MultiExpressionBlockNode):
    """A `when` that renders once if any of its values matches; liquid's does for each of them."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if any(self.expression.evaluate(context)):
            return self.block.render(context, buffer)
        return -1  # tells the case that this block did not match


class SingleMatchCaseTag(case_tag.CaseTag):
    def parse(self, stream: TokenStream) -> Node:
        node = cast("case_tag.CaseNode", super().parse(stream))
        node.blocks = [_match_once(block) for block in node.blocks]
        return node


def _match_once(block: _CaseBlock) -> _CaseBlock:
    if isinstance(block, case_tag.MultiExpressionBlockNode):
        return SingleMatchBlock(block.token, block.block, block.expression)
    return block


class LocatedTag(Tag):
    """Makes an error point at its tag where liquid only says that something ended too early."""

    def get_node(self, stream: TokenStream) -> Node:
        start = stream.current
        try:
            return super().get_node(stream)
        except LiquidError as error:
            if error.token is None or error.token.start_index < 0:
                error.token = start
            raise


class Sandbox(Environment):
    """An environment that has nothing but what is registered here."""

    loop_iteration_limit = 1000
    output_stream_limit = MAX_OUTPUT
    local_namespace_limit = 4096
    context_depth_limit = 8
    block_nesting_limit = 20

    def add_tag(self, tag: type[Tag]) -> None:
        super().add_tag(type(tag.__name__, (LocatedTag, tag), {}))

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in (
            content.Literal,
            output.Output,
            illegal.Illegal,
            if_tag.IfTag,
            unless_tag.UnlessTag,
            MeteredForTag,
            for_tag.BreakTag,
            for_tag.ContinueTag,
            SingleMatchCaseTag,
            comment_tag.CommentTag,
            inline_comment_tag.InlineCommentTag,
        ):
            self.add_tag(tag)
        self.filters.update(FILTERS)


HTML_SANDBOX = Sandbox(undefined=MissingValue, autoescape=True)
TEXT_SANDBOX = Sandbox(undefined=MissingValue, autoescape=False)


def render_template(
    template: BoundTemplate, *, part: str, variables: Mapping[str, object], meter: Meter
) -> str:
    """Render within the limits; what is missing lands in the meter. Raises RenderingError."""
    context = SandboxContext(template, variables=variables, meter=meter)
    buffer: StringIO = LimitedStringIO(limit=MAX_OUTPUT)
    try:
        template.render_with_context(context, buffer)
    except LiquidError as error:
        raise RenderingError(part, _describe_failure(error)) from error
    except _FAULTS as error:
        raise RenderingError(part, "cannot be rendered with these variables") from error
    return buffer.getvalue()


def _describe_failure(error: LiquidError) -> str:
    if error.token is None or error.token.start_index < 0:
        return str(error.message)
    line = error.token.source.count("\n", 0, error.token.start_index) + 1
    return f"{error.message} (line {line})"
