"""The live versions of templates, remembered with the proof that they are still the live ones."""

from typing import Any
from uuid import UUID

from apps.templates.models import TemplateVersion
from apps.templates.services.publishing import PublishedVersions, read_published
from notifier.facts import Known, Memory, Question, can_prove, forget_untrue

MOST_TEMPLATES = 300  # the contents of their versions are up to 64 KiB a part

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
_live: Memory[Known[PublishedVersions]] = Memory("template", most=MOST_TEMPLATES)


def recall_published(
    *, organization_id: UUID, code: str, language: str | None
) -> Known[TemplateVersion] | None:
    """Return the live version for a language, with its template, not proven yet.

    None where the template is being changed; raises as `find_published` does.
    """
    known = _recall(organization_id, code)
    if known is None:
        return None
    return Known(value=known.value.find(language), fact=known.fact, forget=known.forget)


def load_published(*, organization_id: UUID, code: str) -> PublishedVersions:
    """Return a template with what is live of it now; raise NotFound for no such template."""
    known = _recall(organization_id, code) if can_prove() else None
    if known is None or forget_untrue([known]):
        return read_published(organization_id=organization_id, code=code)
    return known.value


def _recall(organization_id: UUID, code: str) -> Known[PublishedVersions] | None:
    key = (organization_id, code)
    known = _live.recall(key)
    if known is None:
        known = _learn(*key)
        if known is not None:
            _live.keep(key, known)
    return known


def _learn(organization_id: UUID, code: str) -> Known[PublishedVersions] | None:
    """Ask for the standing first: what changes before the versions are read makes it untrue."""
    standing = _STANDING.ask(organization_id, code)
    published = read_published(organization_id=organization_id, code=code)
    if standing is None or not _agrees(standing.values, published):
        return None
    key = (organization_id, code)
    return Known(value=published, fact=standing, forget=lambda: _live.forget(key))


def _agrees(standing: tuple[Any, ...], published: PublishedVersions) -> bool:
    """Was the template the same at both looks, also if it was changed there and back between?"""
    template = published.template
    seen = (
        template.pk,
        template.channel,
        template.kind,
        template.delivery_guarantee,
        template.default_language,
        sorted(version.pk for version in published.by_language.values()),
    )
    return standing == seen
