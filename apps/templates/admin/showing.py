"""The page of a stored version: how it looks, what it is made of, what can be done with it."""

import json
from typing import Any

from django.http import HttpRequest

from apps.templates.admin.history import find_live, list_languages, state_of
from apps.templates.admin.preview import describe_message
from apps.templates.admin.publishing import is_rollback, may_publish
from apps.templates.models import TemplateVersion
from apps.templates.rendering import MissingVariables, RenderingError
from apps.templates.services import render_version


def describe_stored(request: HttpRequest, version: TemplateVersion) -> dict[str, Any]:
    """Return the context of a version's page."""
    live = find_live(version.template, version.language)
    return {
        "version": version,
        "template": version.template,
        "state": state_of(version),
        "live": live,
        "languages": list_languages(version.template, chosen=version.language),
        "is_rollback": is_rollback(version, live),
        "may_publish": may_publish(request),
        "may_write": request.user.has_perm("templates.add_templateversion"),
        "parts": _list_parts(version),
        "samples": _write_json(version.sample_variables),
        **_show_message(version),
    }


def _show_message(version: TemplateVersion) -> dict[str, Any]:
    try:
        rendered = render_version(version=version, variables=version.sample_variables)
    except (MissingVariables, RenderingError) as error:
        return {"message": None, "problem": str(error)}
    return {"message": describe_message(rendered), "problem": ""}


def _list_parts(version: TemplateVersion) -> list[tuple[str, str]]:
    return [
        (part, value if isinstance(value, str) else _write_json(value))
        for part, value in version.content.items()
    ]


def _write_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
