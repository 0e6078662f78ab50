"""What the editor's page shows around its form: languages, a reference to translate from."""

from typing import Any

from django.forms import Script
from django.http import HttpRequest

from apps.templates.admin.history import find_live, find_start, list_languages
from apps.templates.admin.publishing import may_publish
from apps.templates.models import Channel, Template, TemplateVersion


class EDITOR_MEDIA:  # noqa: N801  # Django asks for a class with this content, not for a name
    css = {"all": ["templates/editor.css"]}
    js = [
        Script(f"templates/{name}.js", defer=True) for name in ("code_area", "preview", "editor")
    ]


def describe_editor(request: HttpRequest, template: Template | None) -> dict[str, Any]:
    """Return the context of the editor; without a template it is one that is being created."""
    context: dict[str, Any] = {"may_publish": may_publish(request), "channels": Channel}
    if template is None:
        return context
    language = request.POST.get("language") or request.GET.get("language", "")
    language = language or template.default_language
    return context | {
        "template": template,
        "languages": list_languages(template, chosen=language),
        "language": language,
        "live": find_live(template, language),
        "reference": _find_reference(template, language),
    }


def find_begin(template: Template, language: str, number: str) -> TemplateVersion | None:
    """Return the version whose content the editor begins with: the named one, or the best."""
    if number.isascii() and number.isdigit() and len(number) < 10:
        return template.versions.filter(number=int(number)).first()
    return find_start(template, language)


def _find_reference(template: Template, language: str) -> TemplateVersion | None:
    """Return what the default language says, for whoever writes another one."""
    return None if language == template.default_language else template.find_default_version()
