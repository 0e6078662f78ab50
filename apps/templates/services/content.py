"""What a new version says, and the check that it can be sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.templates.rendering import ContentError, RenderingError, check_content
from apps.templates.rendering.variables import weigh_variables
from notifier.errors import FieldError, InvalidRequest, NotifierError


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version that is not stored yet; no language means the template's default one."""

    content: Mapping[str, Any]
    language: str | None = None
    sample_variables: Mapping[str, Any] = field(default_factory=dict)


def require_valid_content(
    *, channel: str, content: Mapping[str, Any], refusal: type[NotifierError] = InvalidRequest
) -> tuple[str, ...]:
    """Return the variables that content needs; raise `refusal` with one error per mistake."""
    report = check_content(channel=channel, content=content)
    if report.errors:
        faults = list(_describe_faults(report.errors))
        raise refusal(f"{faults[0].field}: {faults[0].message}", errors=faults)
    return report.required_variables


def require_plain_variables(variables: Mapping[str, Any], *, name: str) -> None:
    """Raise InvalidRequest for variables that no template could ever be rendered with."""
    try:
        weigh_variables(variables)
    except RenderingError as error:
        raise InvalidRequest.of_field(name, error.message) from error


def field_of_part(part: str) -> str:
    """Return the path in a request's body of a content's part."""
    return part if part in {"channel", "content"} else f"content.{part}"


def _describe_faults(faults: Iterable[ContentError]) -> Iterable[FieldError]:
    for fault in faults:
        place = f"line {fault.line}, column {fault.column}"
        yield FieldError(
            field_of_part(fault.part), "invalid_template", f"{place}: {fault.message}"
        )
