"""The forms in which people write templates: one text area for each part of a channel."""

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.templates.admin.fields import (
    code_area,
    format_choice,
    json_object,
    text_area,
    text_line,
)
from apps.templates.languages import InvalidLanguage, normalize_language
from apps.templates.models import Channel, Template, TemplateVersion
from apps.templates.rendering import HOSTED, HOSTS, ContentError, check_content
from apps.templates.services import NewVersion
from apps.templates.services.catalogue import RESERVED_CODES
from apps.templates.services.content import require_plain_variables
from notifier.errors import InvalidRequest

FORMATS_OF_MAIL = ("html", "mjml", "markdown")
FIELDS = {
    Channel.EMAIL: ("subject", *FORMATS_OF_MAIL, "text"),
    Channel.PUSH: ("title", "body", "image", "link", "push_data"),
}
FIELD_OF_PART = {"data": "push_data"}  # a form's `data` is what was posted
HOSTED_FIELDS = {f"{host}_template": host for host in HOSTS}


class ContentForm(forms.Form):
    """The parts of both channels; those of the other channel must stay empty."""

    language = forms.CharField(
        initial="en", max_length=35, widget=UnfoldAdminTextInputWidget, help_text="en, pt-BR, …"
    )
    format = format_choice()
    subject = text_line("Subject")
    html = code_area(15, "HTML")
    mjml = code_area(15, "MJML", help_text="Becomes responsive HTML when it is saved")
    markdown = code_area(15, "Markdown", help_text="Becomes HTML when it is saved")
    text = code_area(6, "Text part", help_text="Left empty, it is made of the HTML")
    title = text_line("Title")
    body = text_area(3, "Body")
    image = text_line("Image", help_text="An https address")
    link = text_line("Link", help_text="What a tap opens")
    push_data = json_object("Data", "A JSON object of texts, for the app")
    sendgrid_template = text_line("SendGrid", help_text="The id of a dynamic template: d-…")
    mailgun_template = text_line("Mailgun", help_text="The name of a stored template")
    sample_variables = json_object("Sample variables", "Kept with the version, for previews", 6)

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
        shown = {*FIELDS.get(Channel(channel), ()), *HOSTED_FIELDS}
        for error in check_content(channel=channel, content=self.read_content()).errors:
            field, words = field_of_part(error.part), show_content_error(error)
            if field in shown:
                self.add_error(field, words)
            else:  # of the other channel, whose fields the page does not have
                self.add_error(None, format_html("{}: {}", error.part, words))

    def as_new_version(self) -> NewVersion:
        """Return what was written; only for a form without errors."""
        return NewVersion(
            content=self.read_content(),
            language=self.cleaned_data["language"],
            sample_variables=self.cleaned_data["sample_variables"],
        )

    def read_content(self) -> dict[str, Any]:
        """Return what was written as content; of the formats of a mail the chosen one alone."""
        parts = {field: part for part, field in FIELD_OF_PART.items()}
        content: dict[str, Any] = {
            parts.get(field, field): _normalize_lines(self.cleaned_data.get(field))
            for fields in FIELDS.values()
            for field in fields
        }
        chosen = self.cleaned_data.get("format")
        others = {name for name in FORMATS_OF_MAIL if chosen and name != chosen}
        content = {part: text for part, text in content.items() if text and part not in others}
        hosted = {host: self.cleaned_data.get(name) for name, host in HOSTED_FIELDS.items()}
        hosted = {host: identity for host, identity in hosted.items() if identity}
        return {**content, HOSTED: hosted} if hosted else content


def field_of_part(part: str) -> str:
    """Return the form field in which a part of content is written."""
    name, _, detail = part.partition(".")
    if name == HOSTED and detail:
        return f"{detail}_template"
    return FIELD_OF_PART.get(name, name)


def write_fields(version: TemplateVersion) -> dict[str, Any]:
    """Return the values of the fields in which a version's content would be written."""
    content: dict[str, Any] = dict(version.content)
    hosted = content.pop(HOSTED, {})
    written: dict[str, Any] = {
        FIELD_OF_PART.get(part, part): value for part, value in content.items()
    }
    formats = [name for name in FORMATS_OF_MAIL if content.get(name)]
    return {
        **written,
        **{f"{host}_template": identity for host, identity in hosted.items()},
        "format": formats[0] if formats else "html",
        "language": version.language,
        "sample_variables": version.sample_variables,
    }


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
