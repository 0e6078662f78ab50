"""What a message looks like, as pages that can do no harm and facts for the editor's script."""

from dataclasses import asdict
from typing import Any, Final

from django.utils.html import escape

from apps.templates.admin.forms import ContentForm, field_of_part
from apps.templates.rendering import RenderedEmail, RenderedPush
from apps.templates.services import Draft

# With the empty sandbox of its frame: no script runs, nothing is loaded, links lead nowhere.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_HEAD: Final = (
    f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"'
    f' content="{_POLICY}"><base target="_blank">'
)
_TEXT_STYLE: Final = "margin: 0; padding: 20px; white-space: pre-wrap; font: 15px/1.5 sans-serif"


def build_page(rendered: RenderedEmail) -> str:
    """Return the page for a frame's `srcdoc`; a mail without HTML shows its text."""
    text = f'<body style="{_TEXT_STYLE}">{escape(rendered.text)}</body>'
    return _HEAD + (rendered.html or text)


def describe_message(rendered: RenderedEmail | RenderedPush | None) -> dict[str, Any] | None:
    """Return what the preview shows, under the names that template and script use."""
    if rendered is None:
        return None
    if isinstance(rendered, RenderedPush):
        return {"kind": "push", **asdict(rendered), "data": dict(rendered.data)}
    return {
        "kind": "email",
        "subject": rendered.subject,
        "text": rendered.text,
        "page": build_page(rendered),
        "hosted": dict(rendered.hosted),
        "is_hosted_alone": not (rendered.html or rendered.text),
        "size": len(rendered.html.encode()),
    }


def describe_draft(form: ContentForm, draft: Draft) -> dict[str, Any]:
    """Return everything that the editor says about what was typed."""
    return {
        "errors": [*_form_errors(form), *_content_errors(draft)],
        "required": list(draft.required),
        "missing": list(draft.missing),
        "problem": draft.problem,
        "message": describe_message(draft.rendered),
    }


def _content_errors(draft: Draft) -> list[dict[str, Any]]:
    return [{**asdict(error), "field": field_of_part(error.part)} for error in draft.errors]


def _form_errors(form: ContentForm) -> list[dict[str, Any]]:
    """What keeps a field from being read at all, such as JSON that is none."""
    place = {"line": 1, "column": 1, "excerpt": ""}
    return [
        {"field": field, "part": field, "message": str(message), **place}
        for field, messages in form.errors.items()
        for message in messages
    ]
