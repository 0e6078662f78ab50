"""The form that sends one notification by hand: to whom, with which variables, and when."""

import json
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.notifications.services.orders import Address, ChannelName, NotificationOrder
from apps.templates.models import TemplateVersion
from apps.templates.rendering import RenderingError, read_plain_json
from apps.templates.services import require_variables
from apps.users.services import find_user_by_email
from notifier.authentication import Mode, Principal
from notifier.errors import InvalidRequest, NotFound, NotifierError, Unprocessable

PREFIX = "variables."
_MODES: tuple[tuple[Mode, str], ...] = (
    ("live", "live: it really leaves"),
    ("test", "test: it goes to the inbox of captured messages"),
)


class LocalTimeInput(forms.DateTimeInput):
    """The browser's own picker of a time; the page says that it means UTC."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        classes = UnfoldAdminTextInputWidget().attrs["class"]
        super().__init__(attrs={"class": classes}, format="%Y-%m-%dT%H:%M")


class SendForm(forms.Form):
    """One template's form: a field for each variable that the template knows."""

    recipient = forms.CharField(
        label="To",
        max_length=254,
        widget=UnfoldAdminEmailInputWidget,
        help_text="An e-mail address. If it is a user's, preferences and language count.",
    )
    mode = forms.ChoiceField(choices=_MODES, widget=UnfoldAdminSelectWidget)
    priority = forms.IntegerField(
        min_value=1,
        max_value=10,
        initial=5,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="1 (bulk) to 10 (urgent)",
    )
    scheduled_at = forms.DateTimeField(
        required=False, widget=LocalTimeInput, help_text="UTC. Empty: at once."
    )
    expires_at = forms.DateTimeField(
        required=False, widget=LocalTimeInput, help_text="UTC. Not sent later than that."
    )

    def __init__(self, *args: Any, version: TemplateVersion, **options: Any) -> None:
        super().__init__(*args, **options)
        self._version = version
        if version.template.channel == "push":
            self.fields["recipient"].help_text = "A user's e-mail address: all devices get it."
        for name in list_variables(version):
            self.fields[f"{PREFIX}{name}"] = _build_field(version, name)

    def clean_scheduled_at(self) -> datetime | None:
        return _as_utc(self.cleaned_data["scheduled_at"])

    def clean_expires_at(self) -> datetime | None:
        expires_at = _as_utc(self.cleaned_data["expires_at"])
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError("This has passed.")
        return expires_at

    def variables(self) -> list[forms.BoundField]:
        """Return the fields of the variables, for the page."""
        return [self[name] for name in self.fields if name.startswith(PREFIX)]

    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if not name.startswith(PREFIX)]

    def build_order(self, principal: Principal) -> NotificationOrder:
        """Return what the form asks for; raise InvalidRequest for a push to nobody's address."""
        values, template = self.cleaned_data, self._version.template
        user_id = self._find_user(principal)
        if user_id is None and template.channel == "push":
            raise InvalidRequest.of_field("recipient", "no user has this address")
        return NotificationOrder(
            notification_type=cast("ChannelName", template.channel),
            user_id=user_id,
            to=None if user_id else Address(email=values["recipient"]),
            template_code=template.code,
            variables={
                name.removeprefix(PREFIX): value
                for name, value in values.items()
                if name.startswith(PREFIX)
            },
            priority=values["priority"],
            scheduled_at=values["scheduled_at"],
            expires_at=values["expires_at"],
        )

    def show_refusal(self, error: NotifierError) -> None:
        """Say beside its field what the service refused, or above all of them."""
        for fault in error.errors:
            name = "recipient" if fault.field.startswith(("to", "user_id")) else fault.field
            self.add_error(name if name in self.fields else None, fault.message)
        if not error.errors:
            self.add_error(None, error.message)

    def _find_user(self, principal: Principal) -> UUID | None:
        try:
            found = find_user_by_email(caller=principal, email=self.cleaned_data["recipient"])
        except NotFound:
            return None
        return found.pk


class VariableField(forms.CharField):
    """The value of a variable: text, or JSON where the sample is not text."""

    def __init__(self, *, sample: Any, **options: Any) -> None:
        self._is_text = isinstance(sample, str)
        initial = sample if self._is_text else json.dumps(sample, ensure_ascii=False)
        super().__init__(initial=initial, required=False, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return text if self._is_text else read_plain_json(text)
        except RenderingError as error:
            raise forms.ValidationError(error.message) from error


def list_variables(version: TemplateVersion) -> list[str]:
    """Return the names that a template's version has samples of, and those that it requires."""
    names = list(version.sample_variables)
    try:
        require_variables(version=version, variables={})
    except Unprocessable as error:
        names += [fault.field.removeprefix(PREFIX) for fault in error.errors]
    return list(dict.fromkeys(names))


def _build_field(version: TemplateVersion, name: str) -> VariableField:
    sample = version.sample_variables.get(name, "")
    return VariableField(sample=sample, label=name, widget=UnfoldAdminTextInputWidget)


def _as_utc(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value else None
