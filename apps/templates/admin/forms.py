"""The forms in which people write templates: one text area for each part of a channel."""

from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.templates.languages import InvalidLanguage, normalize_language
from apps.templates.models import Channel, Template, TemplateVersion
from apps.templates.rendering import ContentError, check_content
from apps.templates.services import NewVersion
from apps.templates.services.catalogue import RESERVED_CODES
from apps.templates.services.content import require_plain_variables
from notifier.errors import InvalidRequest

FIELDS = {
    Channel.EMAIL: ("subject", "text", "html"),
    Channel.PUSH: ("title", "body", "image", "link", "push_data"),
}
FIELD_OF_PART = {"data": "push_data"}  # a form's `data` is what was posted


def text_line() -> forms.CharField:
    return forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)


def text_area(rows: int) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": rows})
    return forms.CharField(required=False, strip=False, widget=widget)


class TypedJsonField(forms.JSONField):
    """Shows refused JSON as it was typed: half a character, decoded, could not be shown at all."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        return InvalidJSONInput(data)


def json_object() -> forms.JSONField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
    return TypedJsonField(required=False, widget=widget, help_text="A JSON object")


class ContentForm(forms.Form):
    """The parts of both channels; those of the other channel must stay empty."""

    language = forms.CharField(
        initial="en", max_length=35, widget=UnfoldAdminTextInputWidget, help_text="en, pt-BR, …"
    )
    subject = text_line()
    text = text_area(8)
    html = text_area(16)
    title = text_line()
    body = text_area(4)
    image = text_line()
    link = text_line()
    push_data = json_object()
    sample_variables = json_object()

    def clean_language(self) -> str:
        try:
            return normalize_language(self.cleaned_data["language"])
        except InvalidLanguage as error:
            raise forms.ValidationError(str(error)) from error

    def clean_sample_variables(self) -> dict[str, Any]:
        variables = self.cleaned_data["sample_variables"] or {}
        if not isinstance(variables, dict):
            raise forms.ValidationError("not a JSON object")
        try:
            require_plain_variables(variables, name="sample_variables")
        except InvalidRequest as error:
            raise forms.ValidationError(error.message) from error
        return variables

    def check_parts(self, channel: str) -> None:
        """Put every mistake in the content beside its part, with the place it was found at."""
        for error in check_content(channel=channel, content=self._read_content()).errors:
            part = error.part.partition(".")[0]
            field = FIELD_OF_PART.get(part, part)
            self.add_error(field if field in self.fields else None, show_content_error(error))

    def as_new_version(self) -> NewVersion:
        """Return what was written; only for a form without errors."""
        return NewVersion(
            content=self._read_content(),
            language=self.cleaned_data["language"],
            sample_variables=self.cleaned_data["sample_variables"],
        )

    def _read_content(self) -> dict[str, Any]:
        parts = {field: part for part, field in FIELD_OF_PART.items()}
        written = {
            parts.get(field, field): self.cleaned_data.get(field)
            for fields in FIELDS.values()
            for field in fields
        }
        return {part: _normalize_lines(value) for part, value in written.items() if value}


def _normalize_lines(value: Any) -> Any:
    return value.replace("\r\n", "\n") if isinstance(value, str) else value  # as browsers send


def show_content_error(error: ContentError) -> SafeString:
    place = f"Line {error.line}, column {error.column}: {error.message}"
    excerpt = format_html("<pre>{}</pre>", error.excerpt) if error.excerpt else ""
    return format_html("{}{}", place, excerpt)


class NewTemplateForm(ContentForm, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    class Meta:
        model = Template
        fields = ("organization", "code", "channel", "name", "kind", "delivery_guarantee")

    def clean(self) -> dict[str, Any]:
        super().clean()
        if channel := self.cleaned_data.get("channel"):
            self.check_parts(channel)
        self._check_code()
        return self.cleaned_data

    def _check_code(self) -> None:
        code, organization = self.cleaned_data.get("code"), self.cleaned_data.get("organization")
        if code in RESERVED_CODES:
            self.add_error("code", "This word is reserved.")
        elif code and organization:
            others = Template.objects.in_organization(organization.pk).filter(code=code)
            if others.exists():
                self.add_error("code", "A template with this code exists.")


class ChangedTemplateForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """Properties; the default language is one in which something is live."""

    class Meta:
        model = Template
        fields = ("name", "kind", "delivery_guarantee", "default_language")

    def clean_default_language(self) -> str:
        language: str = self.cleaned_data["default_language"]
        live = self.instance.versions.published().filter(language=language)
        if "default_language" in self.changed_data and not live.exists():
            raise forms.ValidationError("No version in this language is published.")
        return language


class NewVersionForm(ContentForm, forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    class Meta:
        model = TemplateVersion
        fields = ("template",)

    def clean(self) -> dict[str, Any]:
        super().clean()
        if template := self.cleaned_data.get("template"):
            self.check_parts(template.channel)
        return self.cleaned_data
