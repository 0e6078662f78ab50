"""The form fields in which content is written: lines, areas for code, JSON."""

import json
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.templates.rendering import RenderingError, read_plain_json

FORMATS = [("html", "HTML"), ("mjml", "MJML"), ("markdown", "Markdown")]


class TypedJsonField(forms.JSONField):
    """Shows refused JSON as it was typed: half a character, decoded, could not be shown at all."""

    def to_python(self, value: Any) -> Any:
        try:
            return None if value in self.empty_values else read_plain_json(value)
        except RenderingError as error:
            raise forms.ValidationError(error.message) from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        return InvalidJSONInput(data)

    def prepare_value(self, value: Any) -> str:
        """Write JSON as people do: one name on a line; nothing for nothing."""
        if value is None or isinstance(value, InvalidJSONInput):
            return value or ""
        return json.dumps(value, ensure_ascii=False, indent=2)


def text_line(label: str = "", **extra: Any) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    return forms.CharField(required=False, label=label, widget=widget, **extra)


def text_area(rows: int, label: str = "") -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": rows})
    return forms.CharField(required=False, strip=False, label=label, widget=widget)


def code_area(rows: int, label: str = "", **extra: Any) -> forms.CharField:
    """Return an area that the editor's script gives line numbers and marks of mistakes."""
    attrs = {"rows": rows, "data-code": "", "spellcheck": "false", "wrap": "off"}
    widget = UnfoldAdminTextareaWidget(attrs=attrs)
    return forms.CharField(required=False, strip=False, label=label, widget=widget, **extra)


def json_object(label: str, help_text: str = "A JSON object", rows: int = 5) -> forms.JSONField:
    attrs = {"rows": rows, "data-code": "", "spellcheck": "false", "wrap": "off"}
    widget = UnfoldAdminTextareaWidget(attrs=attrs)
    return TypedJsonField(required=False, widget=widget, label=label, help_text=help_text)


def format_choice() -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=FORMATS,
        required=False,
        label="Written in",
        initial="html",
        widget=forms.RadioSelect,
    )
