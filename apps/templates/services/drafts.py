"""What an author sees while writing: mistakes, variables that are missing, the message itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.templates.rendering import (
    CompiledContent,
    ContentError,
    MissingVariables,
    RenderedEmail,
    RenderedPush,
    RenderingError,
    check_content,
    compile_content,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Content that is not stored, as it would be sent; `rendered` is None where it cannot be."""

    errors: tuple[ContentError, ...] = ()
    required: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    rendered: RenderedEmail | RenderedPush | None = None
    problem: str = ""


def examine_draft(
    *, channel: str, content: Mapping[str, Any], variables: Mapping[str, Any]
) -> Draft:
    """Check content and render it with sample variables; whatever is wrong is in the answer."""
    report = check_content(channel=channel, content=content)
    if report.errors:
        return Draft(errors=report.errors, required=report.required_variables)
    try:
        compiled = compile_content(channel=channel, content=content)
        missing = compiled.find_missing(variables)
    except RenderingError as error:
        return Draft(required=report.required_variables, problem=str(error))
    return _render_draft(compiled, variables, missing)


def _render_draft(
    compiled: CompiledContent, variables: Mapping[str, Any], missing: tuple[str, ...]
) -> Draft:
    """Show a name in braces where its value is missing: half a message says more than none."""
    required = compiled.required_variables
    stand_ins = {name: f"{{{name}}}" for name in missing if name.isidentifier()}
    try:
        rendered = compiled.render({**variables, **stand_ins})
    except (MissingVariables, RenderingError) as error:
        names = error.names if isinstance(error, MissingVariables) else missing
        return Draft(required=required, missing=names, problem=str(error))
    return Draft(required=required, missing=missing, rendered=rendered)
