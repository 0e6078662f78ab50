"""Finding one template by its code, for reading and for changing it."""

import re
from uuid import UUID

from apps.templates.languages import InvalidLanguage, normalize_language
from apps.templates.models import CODE_PATTERN, Template
from notifier.errors import InvalidRequest, NotFound

_CODE = re.compile(CODE_PATTERN)


def is_code(text: str) -> bool:
    """Can this be a template's code? What cannot never reaches the database (a NUL, say)."""
    return _CODE.fullmatch(text) is not None


def get_template(*, organization_id: UUID, code: str) -> Template:
    """Return a template with the summaries of its versions; raise NotFound."""
    templates = Template.objects.in_organization(organization_id).with_version_summaries()
    template = templates.filter(code=code).first() if is_code(code) else None
    return template or _refuse_unknown(code)


def lock_template(*, organization_id: UUID, code: str) -> Template:
    """Return a template that nobody else changes until the transaction ends; raise NotFound.

    Numbering and publishing hold this lock, so each sees the other's result.
    """
    templates = Template.objects.in_organization(organization_id).select_for_update()
    template = templates.filter(code=code).first() if is_code(code) else None
    return template or _refuse_unknown(code)


def read_language(language: str, *, field: str = "language") -> str:
    """Return a language tag in its one spelling (`pt-br` is `pt-BR`); raise InvalidRequest."""
    try:
        return normalize_language(language)
    except InvalidLanguage as error:
        raise InvalidRequest.of_field(field, str(error), code=error.code) from error


def _refuse_unknown(code: str) -> Template:
    raise NotFound(f"no such template: {code[:100]}")
