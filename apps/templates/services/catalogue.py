"""The templates of an organization: creating, listing, changing and deleting them."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.templates.models import (
    DeliveryGuarantee,
    Template,
    TemplateKind,
    TemplateQuerySet,
)
from apps.templates.services.content import NewVersion
from apps.templates.services.lookup import get_template, is_code, lock_template, read_language
from apps.templates.services.publishing import make_live
from apps.templates.services.trail import record_template_change
from apps.templates.services.versions import store_version
from notifier.audit import describe_changes, describe_new
from notifier.errors import Conflict, InvalidRequest, Unprocessable

RESERVED_CODES = frozenset({"validate"})  # POST /templates/validate is a route of its own
FIRST_LANGUAGE = "en"  # of a template whose first version names none


def create_template(
    *,
    organization_id: UUID,
    code: str,
    channel: str,
    name: str,
    version: NewVersion,
    now: datetime,
    kind: str = TemplateKind.TRANSACTIONAL,
    delivery_guarantee: str = DeliveryGuarantee.AT_LEAST_ONCE,
    publish: bool = True,
    created_by: UUID | None = None,
) -> Template:
    """Store a template with its version 1, live at once unless `publish` is false.

    Raises InvalidRequest for a bad code, language or content, Conflict for a code in use.
    """
    _require_free_spelling(code)
    template = Template(
        organization_id=organization_id,
        code=code,
        channel=channel,
        name=name or code,
        kind=kind,
        delivery_guarantee=delivery_guarantee,
        default_language=read_language(version.language or FIRST_LANGUAGE),
    )
    with transaction.atomic():
        _insert_template(template)
        first = store_version(template=template, number=1, version=version, created_by=created_by)
        if publish:
            make_live(version=first, now=now)
        record_template_change(
            template=template,
            verb="created",
            changes=describe_new(channel=channel, language=first.language, is_live=publish),
        )
    return template


def list_templates(
    *, organization_id: UUID, channel: str = "", language: str = "", search: str = ""
) -> TemplateQuerySet:
    """Return templates by code; `search` is how a code begins. "" does not narrow."""
    if search and not is_code(search):
        raise InvalidRequest.of_field("search", "not how a code can begin")
    templates = Template.objects.in_organization(organization_id).filter(code__startswith=search)
    if channel:
        templates = templates.filter(channel=channel)
    if language:
        templates = templates.having_language(read_language(language))
    return templates.with_version_summaries()


def update_template(
    *,
    organization_id: UUID,
    code: str,
    name: str | None = None,
    kind: str | None = None,
    delivery_guarantee: str | None = None,
    default_language: str | None = None,
) -> Template:
    """Change what is given; None leaves a property as it is.

    Raises NotFound, and Unprocessable for a default language in which nothing is published:
    every notification in another language would be without a template.
    """
    changes = {"name": name, "kind": kind, "delivery_guarantee": delivery_guarantee}
    wanted = {field: value for field, value in changes.items() if value is not None}
    with transaction.atomic():
        template = lock_template(organization_id=organization_id, code=code)
        if default_language is not None:
            wanted["default_language"] = _require_published(template, default_language)
        before = {field: getattr(template, field) for field in wanted}
        for field, value in wanted.items():
            setattr(template, field, value)
        template.save()
        if changed := describe_changes(before, wanted, shown=wanted):
            record_template_change(template=template, verb="changed", changes=changed)
    return get_template(organization_id=organization_id, code=code)


def delete_template(*, organization_id: UUID, code: str, now: datetime) -> None:
    """Hide a template and free its code; what was accepted keeps its version and is sent.

    Raises NotFound.
    """
    with transaction.atomic():
        template = lock_template(organization_id=organization_id, code=code)
        template.deleted_at = now
        template.save(update_fields=["deleted_at", "updated_at"])
        record_template_change(template=template, verb="deleted")


def _require_free_spelling(code: str) -> None:
    if not is_code(code):
        raise InvalidRequest.of_field("code", "1 to 100 lowercase letters, digits, . _ or -")
    if code in RESERVED_CODES:
        raise InvalidRequest.of_field("code", "this word is reserved", code="reserved")


def _insert_template(template: Template) -> None:
    try:
        with transaction.atomic():
            template.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"a template with the code {template.code} exists") from error


def _require_published(template: Template, language: str) -> str:
    tag = read_language(language, field="default_language")
    if not template.versions.published().filter(language=tag).exists():
        raise Unprocessable(f"no version in {tag} is published")
    return tag
