"""Which version of a template is live in a language: publishing one, and finding it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from apps.templates.languages import language_chain
from apps.templates.models import Template, TemplateVersion
from apps.templates.services.content import require_valid_content
from apps.templates.services.lookup import get_template, is_code, lock_template, read_language
from apps.templates.services.trail import record_template_change
from notifier.errors import NotFound, Unprocessable


def publish_version(
    *, organization_id: UUID, code: str, number: int, now: datetime
) -> TemplateVersion:
    """Make a version the live one of its language; an older one is the rollback. Repeatable.

    Raises NotFound, and Unprocessable for content that this release could not render.
    """
    with transaction.atomic():
        template = lock_template(organization_id=organization_id, code=code)
        version = template.versions.select_related("template").filter(number=number).first()
        if version is None:
            raise NotFound(f"{code} has no version {number}")
        require_valid_content(
            channel=template.channel, content=version.content, refusal=Unprocessable
        )
        before = template.versions.published().filter(language=version.language).first()
        record_template_change(
            template=template,
            verb="published",
            changes={
                "language": {"new": version.language},
                "number": {"old": before.number if before else None, "new": number},
            },
        )
        return make_live(version=version, now=now)


def make_live(*, version: TemplateVersion, now: datetime) -> TemplateVersion:
    """Publish a version in place of the one of its language; the caller holds the lock."""
    others = TemplateVersion.objects.published().filter(
        template_id=version.template_id, language=version.language
    )
    others.exclude(pk=version.pk).update(is_published=False)
    if not version.is_published:
        version.is_published, version.published_at = True, now
        version.save(update_fields=["is_published", "published_at"])
    return version


def find_published(
    *, organization_id: UUID, code: str, language: str | None = None
) -> TemplateVersion:
    """Return the live version for a language, with its template, in one query.

    The first that is published counts: as asked (`pt-BR`), the shorter tag (`pt`), the template's
    default language. No language asks for the default one.

    Raises NotFound that says whether the template or a published version is missing, and
    InvalidRequest for what is no language.
    """
    asked = _list_asked(language)
    found = _load_candidates(organization_id, code, asked) if is_code(code) else {}
    for tag in asked:
        if tag in found:
            return found[tag]
    if found:  # no asked language is: what is left is the default one
        return next(iter(found.values()))
    return _explain_nothing_found(organization_id, code, language)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersions:
    """A template with all of its live versions, for any number of look-ups."""

    template: Template
    by_language: Mapping[str, TemplateVersion]

    def find(self, language: str | None) -> TemplateVersion:
        """Return the version that `find_published` would, and raise as that does."""
        for tag in (*_list_asked(language), self.template.default_language):
            if tag in self.by_language:
                return self.by_language[tag]
        raise _describe_missing(self.template, language)


def read_published(*, organization_id: UUID, code: str) -> PublishedVersions:
    """Look up a template and what is live of it; raise NotFound for no such template."""
    template = get_template(organization_id=organization_id, code=code)
    versions = template.versions.published().select_related("template")
    by_language = {version.language: version for version in versions}
    return PublishedVersions(template=template, by_language=by_language)


def _list_asked(language: str | None) -> tuple[str, ...]:
    if not language:
        return ()
    tag = read_language(language)
    return language_chain(tag, default=tag)


def _load_candidates(
    organization_id: UUID, code: str, languages: tuple[str, ...]
) -> dict[str, TemplateVersion]:
    versions = TemplateVersion.objects.of_template(organization_id=organization_id, code=code)
    wanted = Q(language__in=languages) | Q(language=F("template__default_language"))
    rows = versions.published().filter(wanted).select_related("template")
    return {version.language: version for version in rows}


def _explain_nothing_found(
    organization_id: UUID, code: str, language: str | None
) -> TemplateVersion:
    template = get_template(organization_id=organization_id, code=code)
    raise _describe_missing(template, language)


def _describe_missing(template: Template, language: str | None) -> NotFound:
    default = template.default_language
    return NotFound(
        f"{template.code} has no published version in {language or default}"
        f" or its default, {default}"
    )
