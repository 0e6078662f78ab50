"""Adding versions to a template, and reading them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from apps.templates.models import Template, TemplateVersion, TemplateVersionQuerySet
from apps.templates.rendering import build_body, find_format
from apps.templates.services.content import (
    NewVersion,
    require_plain_variables,
    require_valid_content,
)
from apps.templates.services.lookup import get_template, lock_template, read_language
from apps.templates.services.trail import record_template_change
from notifier.audit import describe_new
from notifier.errors import NotFound


def add_version(
    *, organization_id: UUID, code: str, version: NewVersion, created_by: UUID | None = None
) -> TemplateVersion:
    """Store a draft with the template's next number; concurrent calls get different ones.

    Raises NotFound, and InvalidRequest for content or variables that cannot be rendered.
    """
    with transaction.atomic():
        template = lock_template(organization_id=organization_id, code=code)
        last = template.versions.aggregate(last=Max("number"))["last"] or 0
        stored = store_version(
            template=template, number=last + 1, version=version, created_by=created_by
        )
        record_template_change(
            template=template,
            verb="version_added",
            changes=describe_new(number=stored.number, language=stored.language),
        )
        return stored


def store_version(
    *, template: Template, number: int, version: NewVersion, created_by: UUID | None
) -> TemplateVersion:
    """Check and insert a version; the caller holds the template's lock or has just created it."""
    language = read_language(version.language or template.default_language)
    require_plain_variables(version.sample_variables, name="sample_variables")
    required = require_valid_content(channel=template.channel, content=version.content)
    return TemplateVersion.objects.create(
        template=template,
        number=number,
        language=language,
        content=dict(version.content),
        built=_build(version.content),
        sample_variables=dict(version.sample_variables),
        required_variables=list(required),
        created_by=created_by,
    )


def _build(content: Mapping[str, Any]) -> dict[str, str] | None:
    """Translate MJML or Markdown, which is known to be right, for good."""
    part = find_format(content)
    return asdict(build_body(part=part, source=content[part])) if part else None


def get_version(*, organization_id: UUID, code: str, number: int) -> TemplateVersion:
    """Return a version, published or not, with its template; raise NotFound."""
    template = get_template(organization_id=organization_id, code=code)
    versions = template.versions.select_related("template")
    version = versions.filter(number=number).first()
    if version is None:
        raise NotFound(f"{code} has no version {number}")
    return version


def list_versions(*, organization_id: UUID, code: str) -> TemplateVersionQuerySet:
    """Return the versions of a template, newest first; raise NotFound."""
    template = get_template(organization_id=organization_id, code=code)
    return template.versions.order_by("-number")
