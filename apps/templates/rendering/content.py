"""The shape of a channel's content, and the check of all that its author wrote."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from liquid import BoundTemplate
from liquid.builtin.expressions import Path
from liquid.exceptions import LiquidError

from apps.templates.rendering.analysis import analyze_template
from apps.templates.rendering.building import BuiltBody, build_body, find_format
from apps.templates.rendering.errors import (
    ContentError,
    ContentReport,
    RenderingError,
    TranslationFault,
    report_at,
)
from apps.templates.rendering.output import check_url
from apps.templates.rendering.sandbox import HTML_SANDBOX, TEXT_SANDBOX
from apps.templates.rendering.shape import MAX_TAGS, find_shape_errors, list_sources
from apps.templates.rendering.source import scan_source

_URL_PARTS = ("image", "link")
_HTML_PARTS = ("html", "mjml", "markdown")  # variables are escaped in these


@dataclass
class Inspection:
    """Everything found out about content: mistakes, parsed parts, variables it must be given."""

    errors: list[ContentError] = field(default_factory=list)
    templates: dict[str, BoundTemplate] = field(default_factory=dict)
    required: dict[str, Path] = field(default_factory=dict)
    tags: int = 0
    built: BuiltBody | None = None


def check_content(*, channel: str, content: Mapping[str, object]) -> ContentReport:
    """Find every mistake that can be found without variables; never raises for bad input.

    Liquid stops at the first syntax error of a part, so there is at most one of those for each.
    """
    inspection = inspect_content(channel=channel, content=content)
    errors = (*inspection.errors, *_find_line_breaks(content))
    return ContentReport(errors, tuple(inspection.required))


def inspect_content(
    *, channel: str, content: Mapping[str, object], built: BuiltBody | None = None
) -> Inspection:
    """Check the shape, then parse the parts; only a fault of shape leaves them unparsed.

    MJML and Markdown are translated, unless it is known what they were `built` to.
    """
    inspection = Inspection(errors=[*find_shape_errors(channel, content)], built=built)
    if inspection.errors:
        return inspection
    for part, source in list_sources(content):
        _inspect_part(inspection, part, source)
    if (written_in := find_format(content)) is not None:
        _build_parts(inspection, written_in, str(content[written_in]))
    return inspection


def _find_line_breaks(content: object) -> Iterator[ContentError]:
    """A subject is one line of a mail's head; whoever writes two means a header of his own.

    Not for what is stored already: rendering joins the lines there.
    """
    subject = content.get("subject") if isinstance(content, Mapping) else None
    lines = subject.splitlines() if isinstance(subject, str) else []
    if lines and lines != [subject]:
        message = "line breaks are not allowed"
        yield report_at(part="subject", message=message, source=str(subject), index=len(lines[0]))


def _inspect_part(inspection: Inspection, part: str, source: str) -> None:
    allowance = MAX_TAGS - inspection.tags
    count, error = scan_source(part=part, source=source, allowance=allowance)
    inspection.tags += count
    if error is None and count == 0 and part in _URL_PARTS:
        error = _check_fixed_url(part, source)
    if error is not None:
        inspection.errors.append(error)
    else:
        _parse_part(inspection, part, source)


def _check_fixed_url(part: str, source: str) -> ContentError | None:
    try:
        check_url(source, part=part)
    except RenderingError as error:
        return report_at(part=part, message=error.message, source=source, length=len(source))
    return None


def _parse_part(inspection: Inspection, part: str, source: str) -> None:
    sandbox = HTML_SANDBOX if part in _HTML_PARTS else TEXT_SANDBOX
    try:
        template = sandbox.from_string(source)
        findings = analyze_template(template)
    except LiquidError as error:
        inspection.errors.append(_report_liquid(part, source, error))
    except RecursionError:
        inspection.errors.append(report_at(part=part, message="nested too deep"))
    else:
        inspection.templates[part] = template
        inspection.required.update(findings.required)
        inspection.errors += [
            report_at(
                part=part,
                message=message,
                source=source,
                index=token.start_index,
                length=len(token.value),
            )
            for token, message in findings.mistakes
        ]


def _build_parts(inspection: Inspection, part: str, source: str) -> None:
    """Put what the part becomes in its place; a part with mistakes of its own stays as it is."""
    if any(error.part == part for error in inspection.errors):
        return
    try:
        inspection.built = inspection.built or build_body(part=part, source=source)
        html = HTML_SANDBOX.from_string(inspection.built.html)
        text = TEXT_SANDBOX.from_string(inspection.built.text)
    except TranslationFault as fault:
        error = report_at(part=part, message=fault.message, source=source, index=fault.index)
        inspection.errors.append(error)
    except LiquidError as error:  # a tag landed where its block no longer is one
        inspection.errors.append(report_at(part=part, message=str(error.message)))
    else:
        own_text = inspection.templates.get("text")
        is_written = own_text is not None and own_text.nodes
        inspection.templates.pop(part, None)
        inspection.templates |= {"html": html} if is_written else {"html": html, "text": text}


def _report_liquid(part: str, source: str, error: LiquidError) -> ContentError:
    token = error.token
    # The end of the source has no index of its own.
    index = token.start_index if token and token.start_index >= 0 else len(source)
    length = len(token.value) if token else 1
    message = str(error.message)
    return report_at(part=part, message=message, source=source, index=index, length=length)
