"""The versions of a template as its pages show them: by language, by number, side by side."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from apps.templates.models import Template, TemplateVersion
from apps.templates.services import PartDiff, VersionUsage, compare_contents


@dataclass(kw_only=True)
class LanguageRow:
    """One language of a template: what is live in it, and what was written last."""

    language: str
    is_default: bool
    live: TemplateVersion | None = None
    newest: TemplateVersion | None = None
    is_chosen: bool = False

    @property
    def has_draft(self) -> bool:
        """Was something written after what is live?"""
        return self.newest is not None and self.newest != self.live


@dataclass(kw_only=True)
class VersionRow:
    version: TemplateVersion
    state: str
    usage: VersionUsage | None = None


@dataclass(kw_only=True)
class Comparison:
    """Two versions, and the parts in which they differ."""

    old: TemplateVersion | None
    new: TemplateVersion
    parts: list[PartDiff] = field(default_factory=list)


def list_languages(template: Template, *, chosen: str = "") -> list[LanguageRow]:
    """Return the template's languages, the default one first."""
    rows = {template.default_language: _row(template, template.default_language, chosen)}
    for version in _without_contents(template).order_by("number"):
        row = rows.setdefault(version.language, _row(template, version.language, chosen))
        row.newest = version
        row.live = version if version.is_published else row.live
    if chosen:  # perhaps one in which nothing is written yet
        rows.setdefault(chosen, _row(template, chosen, chosen))
    return list(rows.values())


def list_versions_of(template: Template, usage: Iterable[VersionUsage]) -> list[VersionRow]:
    """Return the versions, newest first, each with what became of it."""
    counted = {each.number: each for each in usage}
    return [
        VersionRow(version=each, state=state_of(each), usage=counted.get(each.number))
        for each in _without_contents(template).order_by("-number")
    ]


def state_of(version: TemplateVersion) -> str:
    """Say in one word whether a version is live, was live, or never has been."""
    if version.is_published:
        return "live"
    return "earlier" if version.published_at else "draft"


def find_live(template: Template, language: str) -> TemplateVersion | None:
    return template.versions.published().filter(language=language).first()


def find_start(template: Template, language: str) -> TemplateVersion | None:
    """Return the version from which one in this language is best written."""
    same = template.versions.filter(language=language).order_by("-number").first()
    return find_live(template, language) or same or template.find_default_version()


def compare_versions(old: TemplateVersion | None, new: TemplateVersion) -> Comparison:
    parts = compare_contents(_compared(old), _compared(new))
    return Comparison(old=old, new=new, parts=parts)


def _compared(version: TemplateVersion | None) -> dict[str, Any]:
    if version is None:
        return {}
    samples = version.sample_variables
    return {**version.content, **({"sample variables": samples} if samples else {})}


def _row(template: Template, language: str, chosen: str) -> LanguageRow:
    return LanguageRow(
        language=language,
        is_default=language == template.default_language,
        is_chosen=language == chosen,
    )


def _without_contents(template: Template) -> Any:
    return template.versions.defer("content", "built", "sample_variables")
