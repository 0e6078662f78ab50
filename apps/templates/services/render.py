"""Turning a version and variables into what is sent, and refusing what cannot be."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from apps.templates.models import TemplateVersion
from apps.templates.rendering import (
    BuiltBody,
    CompiledContent,
    MissingVariables,
    RenderedEmail,
    RenderedPush,
    RenderingError,
    compiled,
    compiled_loose,
)
from apps.templates.services.content import field_of_part, require_valid_content
from apps.templates.services.publishing import find_published
from apps.templates.services.versions import get_version
from notifier.errors import FieldError, InvalidRequest, NotifierError, Unprocessable


def render_version(
    *, version: TemplateVersion, variables: Mapping[str, Any]
) -> RenderedEmail | RenderedPush:
    """Return the rendered parts; a version is parsed once per process.

    Raises MissingVariables and RenderingError.
    """
    return _compile_version(version).render(variables)


def require_variables(*, version: TemplateVersion, variables: Mapping[str, Any]) -> None:
    """Raise Unprocessable that names every variable that is not given; null is given.

    Raises InvalidRequest for variables that are not plain JSON of a bounded depth and size.
    """
    try:
        missing = _compile_version(version).find_missing(variables)
    except RenderingError as error:
        raise _refuse_rendering(error) from error
    if missing:
        raise _refuse_missing(missing)


def require_renderable(
    *, channel: str, content: Mapping[str, Any], variables: Mapping[str, Any]
) -> None:
    """Check content that comes with a request instead of a template.

    Raises InvalidRequest for content or variables that cannot work, and Unprocessable that names
    every variable that is not given.
    """
    require_valid_content(channel=channel, content=content)
    try:
        missing = compiled_loose(channel, content).find_missing(variables)
    except RenderingError as error:
        raise _refuse_rendering(error) from error
    if missing:
        raise _refuse_missing(missing)


def preview_template(
    *,
    organization_id: UUID,
    code: str,
    variables: Mapping[str, Any],
    language: str | None = None,
    number: int | None = None,
) -> tuple[TemplateVersion, RenderedEmail | RenderedPush]:
    """Render version `number` or else the live one; the sample variables fill what is not given.

    Raises NotFound, Unprocessable (missing variables, content that cannot be rendered with
    these) and InvalidRequest.
    """
    if number is None:
        version = find_published(organization_id=organization_id, code=code, language=language)
    else:
        version = get_version(organization_id=organization_id, code=code, number=number)
    try:
        filled = {**version.sample_variables, **variables}
        return version, render_version(version=version, variables=filled)
    except MissingVariables as error:
        raise _refuse_missing(error.names) from error
    except RenderingError as error:
        raise _refuse_rendering(error) from error


def _compile_version(version: TemplateVersion) -> CompiledContent:
    built = BuiltBody(**version.built) if version.built else None
    return compiled(version.pk, version.template.channel, version.content, built)


def _refuse_missing(names: Sequence[str]) -> NotifierError:
    return Unprocessable(
        f"missing variables: {', '.join(names)}",
        errors=[FieldError(f"variables.{name}", "missing_variable", "required") for name in names],
    )


def _refuse_rendering(error: RenderingError) -> NotifierError:
    if error.part == "variables":
        return InvalidRequest.of_field("variables", error.message)
    field = field_of_part(error.part)
    fault = FieldError(field, error.code, error.message)
    return Unprocessable(f"{field}: {error.message}", errors=[fault])
