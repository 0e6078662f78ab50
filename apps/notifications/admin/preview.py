"""What a notification says, rendered as it is sent, as HTML that can do no harm."""

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.notifications.models import Notification
from apps.templates.rendering import (
    MissingVariables,
    RenderedEmail,
    RenderedPush,
    RenderingError,
    compiled_loose,
)
from apps.templates.services import render_version
from notifier.shown_values import NOTHING

# An empty sandbox: no scripts, no forms, no navigation, an origin of its own.
_FRAME = (
    '<iframe class="mail-frame" sandbox="" srcdoc="{}" title="The mail"'
    ' referrerpolicy="no-referrer"></iframe>'
)
_FOLDED = "<details><summary>Plain text</summary><pre>{}</pre></details>"
_UNFOLDED = "<pre>{}</pre>"


def show_message(row: Notification) -> SafeString | str:
    """Return the rendered message, or why there is none."""
    if row.template_version is None and not row.content:
        return "Its content was deleted when its time to be kept was over."
    try:
        rendered = _render(row)
    except (MissingVariables, RenderingError) as error:
        return format_html("It cannot be rendered: {}", error)
    return _show_mail(rendered) if isinstance(rendered, RenderedEmail) else _show_push(rendered)


def _render(row: Notification) -> RenderedEmail | RenderedPush:
    variables: dict[str, Any] = row.variables
    if row.template_version is not None:
        return render_version(version=row.template_version, variables=variables)
    return compiled_loose(row.channel, row.content or {}).render(variables)


def _show_mail(mail: RenderedEmail) -> SafeString:
    frame = format_html(_FRAME, mail.html) if mail.html else ""
    text = format_html(_FOLDED if mail.html else _UNFOLDED, mail.text)
    return format_html(
        '<div class="message"><p class="message-subject">{}</p>{}{}</div>',
        mail.subject,
        frame,
        text,
    )


def _show_push(push: RenderedPush) -> SafeString:
    return format_html(
        '<div class="message push"><p class="message-subject">{}</p><p>{}</p>'
        '<p class="n-soft">{}</p></div>',
        push.title,
        push.body,
        push.link or NOTHING,
    )
