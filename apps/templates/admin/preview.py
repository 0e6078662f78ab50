"""What a version looks like with its sample variables, as HTML that can do no harm."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.templates.models import TemplateVersion
from apps.templates.rendering import (
    MissingVariables,
    RenderedEmail,
    RenderedPush,
    RenderingError,
)
from apps.templates.services import render_version

# An empty sandbox: no scripts, no forms, no navigation, an origin of its own.
_FRAME = (
    '<iframe sandbox="" srcdoc="{}" title="Preview" referrerpolicy="no-referrer"'
    ' style="width: 100%; height: 480px; background: white"></iframe>'
)


def show_preview(version: TemplateVersion) -> SafeString:
    """Return the rendered parts, or the reason why there are none."""
    try:
        rendered = render_version(version=version, variables=version.sample_variables)
    except (MissingVariables, RenderingError) as error:
        return format_html("Not with these sample variables: {}", error)
    return _show_email(rendered) if isinstance(rendered, RenderedEmail) else _show_push(rendered)


def _show_email(rendered: RenderedEmail) -> SafeString:
    page = format_html(_FRAME, rendered.html) if rendered.html else ""
    text = format_html('<pre style="white-space: pre-wrap">{}</pre>', rendered.text)
    return format_html("<p><strong>{}</strong></p>{}{}", rendered.subject, page, text)


def _show_push(rendered: RenderedPush) -> SafeString:
    return format_html(
        "<p><strong>{}</strong></p><p>{}</p><p>{}</p>",
        rendered.title,
        rendered.body,
        rendered.link or "",
    )
