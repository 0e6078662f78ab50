"""The shape of a channel's content, and the check of all that its author wrote."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from liquid import BoundTemplate
from liquid.builtin.expressions import Path
from liquid.exceptions import LiquidError

from apps.templates.rendering.analysis import analyze_template
from apps.templates.rendering.errors import (
    ContentError,
    ContentReport,
    RenderingError,
    report_at,
)
from apps.templates.rendering.output import check_url
from apps.templates.rendering.sandbox import HTML_SANDBOX, TEXT_SANDBOX
from apps.templates.rendering.source import MAX_SOURCE, scan_source

MAX_TOTAL = 256 * 1024
MAX_TAGS = 1000
MAX_DATA_KEYS = 50
MAX_KEY = 100

_PARTS = {
    "email": {"subject": True, "text": False, "html": False},
    "push": {"title": True, "body": True, "image": False, "link": False},
}
_URL_PARTS = ("image", "link")


@dataclass
class Inspection:
    """Everything found out about content: mistakes, parsed parts, variables it must be given."""

    errors: list[ContentError] = field(default_factory=list)
    templates: dict[str, BoundTemplate] = field(default_factory=dict)
    required: dict[str, Path] = field(default_factory=dict)
    tags: int = 0


def check_content(*, channel: str, content: Mapping[str, object]) -> ContentReport:
    """Find every mistake that can be found without variables; never raises for bad input.

    Liquid stops at the first syntax error of a part, so there is at most one of those for each.
    """
    inspection = inspect_content(channel=channel, content=content)
    errors = (*inspection.errors, *_find_line_breaks(content))
    return ContentReport(errors, tuple(inspection.required))


def inspect_content(*, channel: str, content: Mapping[str, object]) -> Inspection:
    """Check the shape, then parse the parts; only a fault of shape leaves them unparsed."""
    inspection = Inspection(errors=[*_find_shape_errors(channel, content)])
    if not inspection.errors:
        for part, source in _list_sources(content):
            _inspect_part(inspection, part, source)
    return inspection


def _find_shape_errors(channel: object, content: object) -> Iterator[ContentError]:
    parts = _PARTS.get(channel) if isinstance(channel, str) else None
    if parts is None:
        yield report_at(part="channel", message="neither email nor push")
    elif not isinstance(content, Mapping):
        yield report_at(part="content", message="not an object")
    else:
        yield from _find_part_errors(parts, content)
        yield from _find_body_errors(channel, content)
        yield from _find_size_errors(content)


def _find_line_breaks(content: object) -> Iterator[ContentError]:
    """A subject is one line of a mail's head; whoever writes two means a header of his own.

    Not for what is stored already: rendering joins the lines there.
    """
    subject = content.get("subject") if isinstance(content, Mapping) else None
    lines = subject.splitlines() if isinstance(subject, str) else []
    if lines and lines != [subject]:
        message = "line breaks are not allowed"
        yield report_at(part="subject", message=message, source=str(subject), index=len(lines[0]))


def _find_part_errors(
    parts: Mapping[str, bool], content: Mapping[str, object]
) -> Iterator[ContentError]:
    for part, value in content.items():
        if part == "data" and "title" in parts:
            yield from _find_data_errors(value)
        elif part not in parts:
            yield report_at(part=str(part)[:MAX_KEY], message="unknown part")
        elif not isinstance(value, str):
            yield report_at(part=str(part), message="not text")
    for part, required in parts.items():
        if required and (part not in content or _is_blank(content[part])):
            yield report_at(part=part, message="required")


def _find_body_errors(channel: object, content: Mapping[str, object]) -> Iterator[ContentError]:
    if channel == "email" and all(_is_blank(content.get(part, "")) for part in ("text", "html")):
        yield report_at(part="text", message="either text or html is required")


def _find_data_errors(data: object) -> Iterator[ContentError]:
    if not isinstance(data, Mapping):
        yield report_at(part="data", message="not an object")
        return
    if len(data) > MAX_DATA_KEYS:
        yield report_at(part="data", message=f"more than {MAX_DATA_KEYS} keys")
        return
    for key, value in data.items():
        if not isinstance(key, str) or not key.isprintable() or not 0 < len(key) <= MAX_KEY:
            yield report_at(part="data", message=f"a key is 1 to {MAX_KEY} printable characters")
        elif not isinstance(value, str):
            yield report_at(part=f"data.{key}", message="not text")


def _find_size_errors(content: Mapping[str, object]) -> Iterator[ContentError]:
    sizes = {part: len(source) for part, source in _list_sources(content)}
    for part, size in sizes.items():
        if size > MAX_SOURCE:
            yield report_at(part=part, message=f"longer than {MAX_SOURCE // 1024} KiB")
    if sum(sizes.values()) > MAX_TOTAL:
        yield report_at(part="content", message=f"longer than {MAX_TOTAL // 1024} KiB in all")


def _list_sources(content: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    data = content.get("data")
    entries = data.items() if isinstance(data, Mapping) else ()
    for part, value in [*content.items(), *((f"data.{key}", text) for key, text in entries)]:
        if isinstance(value, str):
            yield str(part), value


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


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
    sandbox = HTML_SANDBOX if part == "html" else TEXT_SANDBOX
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


def _report_liquid(part: str, source: str, error: LiquidError) -> ContentError:
    token = error.token
    # The end of the source has no index of its own.
    index = token.start_index if token and token.start_index >= 0 else len(source)
    length = len(token.value) if token else 1
    message = str(error.message)
    return report_at(part=part, message=message, source=source, index=index, length=length)
