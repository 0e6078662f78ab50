"""The shape of a channel's content: which parts it has, of which type and size."""

from collections.abc import Iterator, Mapping

from apps.templates.rendering.errors import ContentError, report_at
from apps.templates.rendering.source import MAX_SOURCE

MAX_TOTAL = 256 * 1024
MAX_TAGS = 1000
MAX_DATA_KEYS = 50
MAX_KEY = 100
MAX_HOSTED = 200
BODIES = ("html", "mjml", "markdown")
HOSTED = "provider_template"
HOSTS = ("sendgrid", "mailgun")  # whose own templates a version may name instead
# A provider's account knows no organizations, and translating is work for when somebody writes.
FOR_TEMPLATES_ALONE = (HOSTED, "mjml", "markdown")

_PARTS = {
    "email": {"subject": True, "text": False, **dict.fromkeys(BODIES, False)},
    "push": {"title": True, "body": True, "image": False, "link": False},
}


def find_shape_errors(channel: object, content: object) -> Iterator[ContentError]:
    parts = _PARTS.get(channel) if isinstance(channel, str) else None
    if parts is None:
        yield report_at(part="channel", message="neither email nor push")
    elif not isinstance(content, Mapping):
        yield report_at(part="content", message="not an object")
    else:
        yield from _find_part_errors(parts, content)
        yield from _find_body_errors(channel, content)
        yield from _find_size_errors(content)


def _find_part_errors(
    parts: Mapping[str, bool], content: Mapping[str, object]
) -> Iterator[ContentError]:
    for part, value in content.items():
        if part == "data" and "title" in parts:
            yield from _find_data_errors(value)
        elif part == HOSTED and "subject" in parts:
            yield from _find_hosted_errors(value)
        elif part not in parts:
            yield report_at(part=str(part)[:MAX_KEY], message="unknown part")
        elif not isinstance(value, str):
            yield report_at(part=str(part), message="not text")
    for part, required in parts.items():
        missing = part not in content or _is_blank(content[part])
        if required and missing and not _is_hosted_alone(content):
            yield report_at(part=part, message="required")


def _find_body_errors(channel: object, content: Mapping[str, object]) -> Iterator[ContentError]:
    if channel != "email":
        return
    written = [part for part in BODIES if not _is_blank(content.get(part, ""))]
    if len(written) > 1:
        yield report_at(part=written[1], message=f"not beside {written[0]}: choose one of them")
    elif not written and _is_blank(content.get("text", "")) and HOSTED not in content:
        yield report_at(part="text", message="either text or html is required")


def _is_hosted_alone(content: Mapping[str, object]) -> bool:
    """Is all of it the provider's? Its template has a subject of its own."""
    return HOSTED in content and all(
        _is_blank(content.get(part, "")) for part in ("subject", "text", *BODIES)
    )


def _find_hosted_errors(hosted: object) -> Iterator[ContentError]:
    if not isinstance(hosted, Mapping) or not hosted:
        yield report_at(part=HOSTED, message='an object such as {"sendgrid": "d-…"}')
        return
    for name, identity in hosted.items():
        if name not in HOSTS:
            known = " or ".join(HOSTS)
            yield report_at(part=HOSTED, message=f"only {known} can send templates of their own")
        elif not isinstance(identity, str) or not _is_identity(identity):
            message = f"1 to {MAX_HOSTED} printable characters without blanks"
            yield report_at(part=f"{HOSTED}.{name}", message=message)
        elif name == "sendgrid" and not identity.startswith("d-"):
            message = "the id of a dynamic template begins with d-"
            yield report_at(part=f"{HOSTED}.{name}", message=message)


def _is_identity(text: str) -> bool:
    return 0 < len(text) <= MAX_HOSTED and text.isprintable() and " " not in text


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
    sizes = {part: len(source) for part, source in list_sources(content)}
    for part, size in sizes.items():
        if size > MAX_SOURCE:
            yield report_at(part=part, message=f"longer than {MAX_SOURCE // 1024} KiB")
    if sum(sizes.values()) > MAX_TOTAL:
        yield report_at(part="content", message=f"longer than {MAX_TOTAL // 1024} KiB in all")


def list_sources(content: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    data = content.get("data")
    entries = data.items() if isinstance(data, Mapping) else ()
    for part, value in [*content.items(), *((f"data.{key}", text) for key, text in entries)]:
        if isinstance(value, str):
            yield str(part), value


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()
