"""The form of a CSV upload: which file, with which template, how urgent."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.notifications.services.csv_reading import CsvFile
from apps.notifications.services.csv_upload import Upload, name_upload
from apps.templates.models import Template
from notifier.organization_pages import seen_organization

MAX_FILE = 16 * 1024 * 1024


class _TemplateField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in stubs only
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.code} ({obj.channel}, {obj.organization})"


class UploadForm(forms.Form):
    """Templates of the operator's own organization alone, superusers excepted."""

    file = forms.FileField(
        label="CSV file",
        # Unfold's script writes the file's name into the first text field near any other one.
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}),
        help_text="UTF-8, up to 16 MiB. Columns: email, user_id, or push_token and platform;"
        " request_id and language if you like; every other one is a variable.",
    )
    template = _TemplateField(queryset=Template.objects.none(), widget=UnfoldAdminSelectWidget)
    priority = forms.IntegerField(
        min_value=1,
        max_value=10,
        initial=3,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="1 (bulk) to 10 (urgent)",
    )
    language = forms.RegexField(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        required=False,
        max_length=35,
        widget=UnfoldAdminTextInputWidget,
        help_text="For rows that name none; empty: the user's, or the template's.",
    )
    name = forms.RegexField(
        r"^[A-Za-z0-9._-]{1,100}$",
        label="Batch name",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Empty: made from the file, so that the same file is sent once. To send it again"
        " on purpose, name the occasion.",
    )

    def __init__(self, request: HttpRequest) -> None:
        posted = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        super().__init__(*posted)
        field: Any = self.fields["template"]
        field.queryset = _list_templates(request)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE:
            raise forms.ValidationError(
                "Larger than 16 MiB; `manage.py send --csv` takes any size."
            )
        return file

    def describe_upload(self, csv: CsvFile) -> Upload:
        values = self.cleaned_data
        channel, code = values["template"].channel, values["template"].code
        return Upload(
            channel=channel,
            template_code=code,
            name=values["name"] or name_upload(csv, channel=channel, template_code=code),
            priority=values["priority"],
            language=values["language"] or None,
        )


def _list_templates(request: HttpRequest) -> "QuerySet[Template]":
    templates = Template.objects.filter(deleted_at=None, versions__is_published=True).distinct()
    own = seen_organization(request)
    mine = templates if own is None else templates.filter(organization=own)
    return mine.select_related("organization").order_by("code")
