"""Templates as they are shown, remembered with the proof that they are still so."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.templates.models import Template, TemplateVersion
from apps.templates.services.lookup import get_template
from notifier.facts import Known, Memory, Question

MOST_SHOWN = 300  # the contents of their versions are up to 64 KiB a part

# A version's content never changes, only which of them are there and which are published.
_VERSIONS = (
    "ARRAY(SELECT v.id FROM templates_templateversion AS v"
    " WHERE v.template_id = t.id{} ORDER BY v.number)"
)
_SHOWN = Question(
    columns={
        "t.id": "uuid",
        "t.channel": "text",
        "t.name": "text",
        "t.kind": "text",
        "t.delivery_guarantee": "text",
        "t.default_language": "text",
        "t.created_at": "timestamptz",
        "t.updated_at": "timestamptz",
        _VERSIONS.format(""): "uuid[]",
        _VERSIONS.format(" AND v.is_published"): "uuid[]",
    },
    source=(
        "templates_template AS t WHERE t.organization_id = %s::uuid AND t.code = %s::text"
        " AND t.deleted_at IS NULL"
    ),
)


@dataclass(frozen=True, slots=True)
class ShownTemplate:
    """A template with its versions loaded, and the one that is live in its default language."""

    template: Template
    live: TemplateVersion | None


_shown: Memory[Known[ShownTemplate]] = Memory("shown_template", most=MOST_SHOWN)


def recall_template(*, organization_id: UUID, code: str) -> Known[ShownTemplate] | None:
    """Return a template, not proven yet; None while it is being changed, else raise NotFound."""
    key = (organization_id, code)
    known = _shown.recall(key)
    if known is None:
        known = _learn(organization_id, code)
        if known is not None:
            _shown.keep(key, known)
    return known


def _learn(organization_id: UUID, code: str) -> Known[ShownTemplate] | None:
    """Read it first, so that a code that can be none never reaches the other question."""
    template = get_template(organization_id=organization_id, code=code)
    shown = ShownTemplate(template, template.find_default_version())
    fact = _SHOWN.ask(organization_id, code)
    if fact is None or fact.values != _list_shown(template) or not _is_live(shown):
        return None
    key = (organization_id, code)
    return Known(value=shown, fact=fact, forget=lambda: _shown.forget(key))


def _is_live(shown: ShownTemplate) -> bool:
    """Was it published still when the others were read?"""
    published = [each for each in shown.template.versions.all() if each.is_published]
    live = [each for each in published if each.language == shown.template.default_language]
    return live == ([shown.live] if shown.live else [])


def _list_shown(template: Template) -> tuple[Any, ...]:
    """Return what the question asks for as the rows said that were read: the same, or changed."""
    versions = list(template.versions.all())
    return (
        template.pk,
        template.channel,
        template.name,
        template.kind,
        template.delivery_guarantee,
        template.default_language,
        template.created_at,
        template.updated_at,
        [version.pk for version in versions],
        [version.pk for version in versions if version.is_published],
    )
