"""Whose templates a person in the admin sees: operators all, others those of its organization."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from apps.templates.models import Template, TemplateVersion
from notifier.organization_pages import seen_organization


def visible_templates(request: HttpRequest) -> QuerySet[Template]:
    """Return the templates that exist for this person; the others answer 404."""
    templates = Template.objects.filter(deleted_at=None)
    own = seen_organization(request)
    return templates if own is None else templates.filter(organization=own)


def visible_versions(request: HttpRequest) -> QuerySet[TemplateVersion]:
    versions = TemplateVersion.objects.filter(template__in=visible_templates(request))
    return versions.select_related("template")


def find_template(request: HttpRequest, identity: str) -> Template | None:
    """Return the template with that id, if it is one and this person may see it."""
    try:
        return visible_templates(request).filter(pk=UUID(identity)).first()
    except ValueError:
        return None


def organization_of(request: HttpRequest) -> UUID:
    user: Any = request.user  # whoever passed the admin's door has an organization
    return UUID(str(user.organization_id))
