"""The live versions of templates, remembered with the proof that they are still the live ones."""

from typing import Any
from uuid import UUID

from apps.templates.models import TemplateVersion
from apps.templates.services.publishing import find_published
from notifier.facts import Known, Memory, Question

MOST_VERSIONS = 300  # their contents are up to 64 KiB a part

# Which version answers for a language follows from what is published and the default language; a
# version's content never changes.
_STANDING = Question(
    columns={
        "t.id": "uuid",
        "t.channel": "text",
        "t.kind": "text",
        "t.delivery_guarantee": "text",
        "t.default_language": "text",
        (
            "ARRAY(SELECT v.id FROM templates_templateversion AS v"
            " WHERE v.template_id = t.id AND v.is_published ORDER BY v.id)"
        ): "uuid[]",
    },
    source=(
        "templates_template AS t WHERE t.organization_id = %s::uuid AND t.code = %s::text"
        " AND t.deleted_at IS NULL"
    ),
)
_versions: Memory[Known[TemplateVersion]] = Memory("template", most=MOST_VERSIONS)


def recall_published(
    *, organization_id: UUID, code: str, language: str | None
) -> Known[TemplateVersion] | None:
    """Return the live version for a language, with its template, not proven yet.

    None where the template is being changed; raises as `find_published` does.
    """
    key = (organization_id, code, language)
    known = _versions.recall(key)
    if known is None:
        known = _learn_version(*key)
        if known is not None:
            _versions.keep(key, known)
    return known


def _learn_version(
    organization_id: UUID, code: str, language: str | None
) -> Known[TemplateVersion] | None:
    """Ask for the standing first: what changes before the version is read makes it untrue."""
    standing = _STANDING.ask(organization_id, code)
    version = find_published(organization_id=organization_id, code=code, language=language)
    if standing is None or not _agrees(standing.values, version):
        return None
    key = (organization_id, code, language)
    return Known(value=version, fact=standing, forget=lambda: _versions.forget(key))


def _agrees(standing: tuple[Any, ...], version: TemplateVersion) -> bool:
    """Was the template the same at both looks, also if it was changed there and back between?"""
    template = version.template
    *fields, published = standing
    seen = [
        template.pk,
        template.channel,
        template.kind,
        template.delivery_guarantee,
        template.default_language,
    ]
    return fields == seen and version.pk in published
