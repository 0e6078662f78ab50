"""The page of the suppression list: look up, add, remove; an entry itself never changes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.notifications.models import Cause, Suppression
from apps.notifications.models.suppression import SCOPE_OF_CAUSE, index_address
from apps.notifications.services.suppressing import fold_address, index_for_search
from notifier.audit_pages import RecordedPages
from notifier.errors import InvalidRequest
from notifier.organization_pages import OrganizationPages
from notifier.shown_values import show_time

MASKED_FROM = 12
CAUSE_BADGES = {
    Cause.HARD_BOUNCE: "danger",
    Cause.COMPLAINT: "danger",
    Cause.UNSUBSCRIBE: "warning",
}


class NewSuppressionForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    class Meta:
        model = Suppression
        fields = ("organization", "channel", "address", "cause", "note")

    def clean(self) -> dict[str, Any]:
        """Fold the address as the rest of the product does, and see that it is new."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if {"organization", "address", "channel"} <= set(values):
            try:
                values["address"] = fold_address(values["address"], channel=values["channel"])
            except InvalidRequest as error:
                self.add_error("address", error.errors[0].message)
            else:
                self._check_novelty(values)
        return values

    def _check_novelty(self, values: dict[str, Any]) -> None:
        """Look it up by its index: the address itself is sealed, and cannot be compared."""
        self.instance.address_index = index_address(values["address"])
        known = Suppression.objects.filter(
            organization=values["organization"],
            channel=values["channel"],
            address_index=self.instance.address_index,
            cause=values.get("cause"),
        )
        if known.exists():
            self.add_error("address", "is on the list with this cause")


@admin.register(Suppression)
class SuppressionAdmin(RecordedPages, OrganizationPages, ModelAdmin):
    hint = (
        "Nothing is sent to these. Hard bounces, complaints and unsubscribes add themselves;"
        " remove an entry when you know that its reason is gone."
    )
    begin = "Nobody is on it: everybody can be sent to. An address can be added by hand."
    list_before_template = "notifier/admin_hint.html"
    shown_fields = ("channel", "cause")
    list_display = (
        "shown_address",
        "channel",
        "cause_badge",
        "scope",
        "source",
        "since",
        "organization",
    )
    list_filter = ("channel", "cause", "organization")
    list_select_related = ("organization",)
    search_fields = ("pk",)  # shows the box; see get_search_results
    search_help_text = "Exactly: an e-mail address or a device token"
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "organization",
        "channel",
        "address",
        "cause",
        "scope",
        "source",
        "note",
        "created_by",
        "created_at",
    )

    @display(description="Address")
    def shown_address(self, entry: Suppression) -> str:
        """Return an address, or as much of a device token as tells devices apart."""
        text = entry.address
        if entry.channel == "push" and len(text) > MASKED_FROM:
            return f"{text[:4]}…{text[-4:]}"
        return text or "sealed by a key that is gone"

    @display(description="Cause", ordering="cause", label=CAUSE_BADGES)
    def cause_badge(self, entry: Suppression) -> tuple[str, str]:
        return entry.cause, str(entry.cause).replace("_", " ")

    @display(description="Since", ordering="created_at")
    def since(self, entry: Suppression) -> SafeString | str:
        return show_time(entry.created_at)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        options = {**kwargs, "form": NewSuppressionForm} if obj is None else kwargs
        return super().get_form(request, obj, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return NewSuppressionForm.Meta.fields if obj is None else self.fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(address_index=index_for_search(term)) if term else queryset), False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        obj.scope = SCOPE_OF_CAUSE[Cause(obj.cause)]
        obj.source = "admin"
        obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)
