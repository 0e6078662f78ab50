"""Bodies and answers of the template routes, and how rows become answers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from apps.templates.models import CODE_PATTERN, MAX_NAME, Template, TemplateVersion
from apps.templates.rendering import ContentReport, RenderedEmail, RenderedPush
from apps.templates.services import NewVersion, ShownTemplate
from notifier.api.bodies import Body
from notifier.structs import convert

ChannelName = Literal["email", "push"]
KindName = Literal["transactional", "marketing"]
GuaranteeName = Literal["at_least_once", "at_most_once"]
Code = Annotated[str, msgspec.Meta(pattern=CODE_PATTERN)]
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Language = Annotated[str, msgspec.Meta(max_length=35, description="BCP 47, such as `en`, `pt-BR`")]
Content = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="`{subject, text?, html?}` (one of the two; `mjml` or `markdown` may stand in "
        "the place of `html`) or `{title, body, image?, link?, data?}`, each a Liquid template. "
        "`provider_template`: `{sendgrid?, mailgun?}`, ids of templates that these keep, instead "
        "of own parts or beside them for the other providers"
    ),
]
VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class NewVersionBody(Body, kw_only=True):
    """Without a language, the version is in the template's default one."""

    content: Content
    language: Language | None = None
    sample_variables: dict[str, Any] = {}

    def as_new_version(self) -> NewVersion:
        return NewVersion(
            language=self.language,
            content=self.content,
            sample_variables=self.sample_variables,
        )


class NewTemplateBody(NewVersionBody, kw_only=True):
    """A template with its version 1; the language of that one is the template's default."""

    code: Code
    channel: ChannelName
    name: Name = ""
    language: Language | None = "en"
    kind: KindName = "transactional"
    delivery_guarantee: GuaranteeName = "at_least_once"
    publish: bool = True


class TemplateChangeBody(Body, kw_only=True):
    """What is not sent stays as it is; code and channel never change."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)] | UnsetType = UNSET
    kind: KindName | UnsetType = UNSET
    delivery_guarantee: GuaranteeName | UnsetType = UNSET
    default_language: Language | UnsetType = UNSET

    def changes(self) -> dict[str, str]:
        sent = ((field, getattr(self, field)) for field in self.__struct_fields__)
        return {field: value for field, value in sent if value is not UNSET}


class PreviewBody(Body, kw_only=True):
    """Without a version, the live one for the language; a version decides its own language."""

    variables: dict[str, Any] = {}
    language: Language | None = None
    version: VersionNumber | None = None


class ContentBody(Body, kw_only=True):
    channel: ChannelName
    content: Content


class VersionSummary(msgspec.Struct, kw_only=True):
    number: int
    language: str
    published: bool
    required_variables: list[str]
    created_at: datetime


class VersionAnswer(VersionSummary, kw_only=True):
    content: dict[str, Any]
    sample_variables: dict[str, Any]
    published_at: datetime | None
    created_by: UUID | None


class TemplateAnswer(msgspec.Struct, kw_only=True):
    """`published` says which version is live in each language."""

    code: str
    channel: ChannelName
    name: str
    kind: KindName
    delivery_guarantee: GuaranteeName
    default_language: str
    created_at: datetime
    updated_at: datetime
    versions: list[VersionSummary]
    published: dict[str, int]


class TemplateDetail(TemplateAnswer, kw_only=True):
    """`content` is that of the live version in the default language; null when there is none."""

    content: dict[str, Any] | None
    sample_variables: dict[str, Any]


class PreviewAnswer(msgspec.Struct, kw_only=True):
    """`rendered` holds `subject, text, html` or `title, body, image, link, data`."""

    version: int
    language: str
    rendered: dict[str, Any]


class ContentFault(msgspec.Struct, kw_only=True):
    """Line and column count from 1; the excerpt shows the line, with carets below the fault."""

    part: str
    line: int
    column: int
    message: str
    excerpt: str


class ContentAnswer(msgspec.Struct, kw_only=True):
    valid: bool
    errors: list[ContentFault]
    required_variables: list[str]


def describe_templates(templates: Iterable[Template]) -> list[TemplateAnswer]:
    return [TemplateAnswer(**_template_fields(template)) for template in templates]


def describe_template(template: Template) -> TemplateDetail:
    return describe_shown(ShownTemplate(template, template.find_default_version()))


def describe_shown(shown: ShownTemplate) -> TemplateDetail:
    live = shown.live
    return TemplateDetail(
        **_template_fields(shown.template),
        content=live.content if live else None,
        sample_variables=live.sample_variables if live else {},
    )


def describe_version(version: TemplateVersion) -> VersionAnswer:
    return VersionAnswer(
        **_summary_fields(version),
        content=version.content,
        sample_variables=version.sample_variables,
        published_at=version.published_at,
        created_by=version.created_by,
    )


def describe_preview(
    version: TemplateVersion, rendered: RenderedEmail | RenderedPush
) -> PreviewAnswer:
    parts = msgspec.to_builtins(rendered)
    if not parts.get("hosted", True):  # only where a provider's template is named
        del parts["hosted"], parts["variables"]
    return PreviewAnswer(version=version.number, language=version.language, rendered=parts)


def describe_report(report: ContentReport) -> ContentAnswer:
    return ContentAnswer(
        valid=not report.errors,
        errors=convert(report.errors, list[ContentFault], from_attributes=True),
        required_variables=list(report.required_variables),
    )


def _template_fields(template: Template) -> dict[str, Any]:
    versions = list(template.versions.all())
    return {
        "code": template.code,
        "channel": template.channel,
        "name": template.name,
        "kind": template.kind,
        "delivery_guarantee": template.delivery_guarantee,
        "default_language": template.default_language,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
        "versions": [VersionSummary(**_summary_fields(version)) for version in versions],
        "published": {each.language: each.number for each in versions if each.is_published},
    }


def _summary_fields(version: TemplateVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "language": version.language,
        "published": version.is_published,
        "required_variables": version.required_variables,
        "created_at": version.created_at,
    }
