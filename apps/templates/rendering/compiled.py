"""Content that is parsed and ready to be rendered, and what rendering it gives."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from liquid import BoundTemplate
from liquid.builtin.expressions import Path

from apps.templates.rendering.building import BuiltBody
from apps.templates.rendering.content import inspect_content
from apps.templates.rendering.errors import MissingVariables, RenderingError
from apps.templates.rendering.links import drop_active_links
from apps.templates.rendering.metering import Meter, MissingValue, SandboxContext
from apps.templates.rendering.output import check_url, finish_html, join_lines
from apps.templates.rendering.plain import PlainTemplate, read_plain
from apps.templates.rendering.sandbox import TEXT_SANDBOX, render_template
from apps.templates.rendering.shape import HOSTED
from apps.templates.rendering.variables import weigh_variables

_DATA_PREFIX = "data."
_ROOT = re.compile(r"[.\[]")
_EMPTY = TEXT_SANDBOX.from_string("")


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """A mail's parts; `text` is never missing where there is `html`, `html` may be "".

    `hosted` names templates that providers keep, by provider, for which `variables` are meant; the
    parts are for the other providers, and all "" where there is nothing for those.
    """

    subject: str
    text: str
    html: str
    hosted: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RenderedPush:
    """A push message's parts."""

    title: str
    body: str
    image: str | None = None
    link: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CompiledContent:
    """Parsed content; safe to share between threads."""

    channel: str
    templates: Mapping[str, BoundTemplate]
    required: Mapping[str, Path]
    tags: int  # about 1 KiB of memory each
    is_styled: bool = False  # styles were inlined when it was built
    hosted: Mapping[str, str] = field(default_factory=dict)

    @property
    def required_variables(self) -> tuple[str, ...]:
        """The names that must be given, whichever way the conditions go."""
        return tuple(self.required)

    def find_missing(self, variables: Mapping[str, object]) -> tuple[str, ...]:
        """Name the required variables that are not given; null is given. Renders nothing.

        Raises RenderingError for variables that are not plain JSON.
        """
        return tuple(self._list_missing(variables, Meter(weight=weigh_variables(variables))))

    def render(self, variables: Mapping[str, object]) -> RenderedEmail | RenderedPush:
        """Render all parts with plain JSON values.

        Raises MissingVariables with all names that are missing, else RenderingError.
        """
        meter = Meter(weight=weigh_variables(variables))
        missing = self._list_missing(variables, meter)
        texts: dict[str, str] = {}
        try:
            texts = self._render_parts(variables, meter)
        except RenderingError:
            if not (missing or meter.missing):  # else what is missing may be the cause
                raise
        if missing or meter.missing:
            raise MissingVariables(_join_names(missing, meter.missing))
        return (
            self._finish_email(texts, variables)
            if self.channel == "email"
            else _finish_push(texts)
        )

    def _finish_email(
        self, texts: Mapping[str, str], variables: Mapping[str, object]
    ) -> RenderedEmail:
        html, text = drop_active_links(texts.get("html", "")), texts.get("text", "")
        html, own_text = finish_html(html, text_needed=not text.strip(), is_styled=self.is_styled)
        return RenderedEmail(
            subject=join_lines(texts.get("subject", ""), part="subject"),
            text=own_text or text,
            html=html,
            hosted=self.hosted,
            variables=variables if self.hosted else {},
        )

    def _list_missing(self, variables: Mapping[str, object], meter: Meter) -> list[str]:
        # A plain name that is given is not missing: most need no more than this look.
        unclear = [
            name for name in self.required if name not in variables or not name.isidentifier()
        ]
        if not unclear:
            return []
        context = SandboxContext(_EMPTY, variables=variables, meter=meter)
        return [
            name
            for name in unclear
            if isinstance(self.required[name].evaluate(context), MissingValue)
        ]

    def _render_parts(self, variables: Mapping[str, object], meter: Meter) -> dict[str, str]:
        return {part: self._render_part(part, variables, meter) for part in self.templates}

    def _render_part(self, part: str, variables: Mapping[str, object], meter: Meter) -> str:
        plain = self._plain[part]
        text = plain.fill(variables) if plain else None
        if text is not None:
            return text
        return render_template(self.templates[part], part=part, variables=variables, meter=meter)

    @cached_property
    def _plain(self) -> Mapping[str, PlainTemplate | None]:
        return {part: read_plain(template) for part, template in self.templates.items()}


def compile_content(
    *, channel: str, content: Mapping[str, object], built: BuiltBody | None = None
) -> CompiledContent:
    """Parse content that was checked before. Raises RenderingError for its first mistake.

    `built` saves translating its MJML or Markdown again.
    """
    inspection = inspect_content(channel=channel, content=content, built=built)
    for error in inspection.errors:
        raise RenderingError(error.part, f"{error.message} (line {error.line})")
    return CompiledContent(
        channel,
        inspection.templates,
        inspection.required,
        inspection.tags,
        is_styled=inspection.built is not None,
        hosted=cast("Mapping[str, str]", content.get(HOSTED) or {}),
    )


def _join_names(required: list[str], met: Iterable[str]) -> list[str]:
    """Add what rendering met, such as a name in an item of a list, to what is required."""
    roots = {_ROOT.split(name)[0] for name in required}
    return [*required, *(name for name in met if _ROOT.split(name)[0] not in roots)]


def _finish_push(texts: Mapping[str, str]) -> RenderedPush:
    return RenderedPush(
        title=join_lines(texts["title"], part="title"),
        body=texts["body"],
        image=check_url(texts.get("image", ""), part="image") or None,
        link=check_url(texts.get("link", ""), part="link") or None,
        data={
            part.removeprefix(_DATA_PREFIX): text
            for part, text in texts.items()
            if part.startswith(_DATA_PREFIX)
        },
    )
