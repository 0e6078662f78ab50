"""The admin's pages for what may reach us and what we reach: API keys and devices."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.users.admin.searching import ADDRESS_OR_ID, find_people, is_superuser
from apps.users.models import ApiKey, Device
from apps.users.services import create_api_key, revoke_api_key
from apps.users.services.api_keys import mode_of
from notifier.audit_pages import RecordedPages
from notifier.authentication import ROLE_SCOPES, SCOPES
from notifier.organization_pages import OrganizationPages
from notifier.shown_values import show_time

PLATFORM_BADGES = {"ios": "info", "android": "success", "web": "primary"}
STATE_BADGES = {"active": "success", "expired": "warning", "revoked": "danger"}


@admin.register(Device)
class DeviceAdmin(RecordedPages, OrganizationPages, ModelAdmin):
    """Devices come from apps, which know their token; here they are looked at and removed."""

    hint = (
        "A push to a user goes to each of these. They come from apps (POST /users/{id}/devices),"
        " and leave when the provider says that the app was removed."
    )
    begin = "None yet: an app registers its own when a user signs in there."
    list_before_template = "notifier/admin_hint.html"
    list_display = ("masked_token", "platform_badge", "user", "last_seen", "organization")
    list_filter = ("platform", "organization")
    list_select_related = ("user", "organization")
    search_fields = ("pk",)  # shows the box; see get_search_results
    search_help_text = ADDRESS_OR_ID
    fields = ("masked_token", "platform", "user", "organization", "created_at", "last_seen_at")
    readonly_fields = fields

    @display(description="Platform", ordering="platform", label=PLATFORM_BADGES)
    def platform_badge(self, device: Device) -> str:
        return device.platform

    @display(description="Last seen", ordering="last_seen_at")
    def last_seen(self, device: Device) -> SafeString | str:
        return show_time(device.last_seen_at)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Device], search_term: str
    ) -> tuple[models.QuerySet[Device], bool]:
        return queryset.filter(user__in=find_people(search_term)), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


def list_grantable_scopes(request: HttpRequest) -> list[str]:
    """Return what the operator may give a key: through the API, too, only admins make them."""
    user: Any = request.user
    own = ROLE_SCOPES[user.role]
    return [scope for scope in SCOPES if is_superuser(request) or {scope, "admin"} & own]


def _offer_scopes(scopes: Iterable[str]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in scopes],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class NewApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    scopes = _offer_scopes(SCOPES)

    class Meta:
        model = ApiKey
        fields = ("organization", "name", "scopes", "mode", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(OrganizationPages, ModelAdmin):
    """Keys are made and revoked here, never changed: what a key may do stays what it was."""

    form = NewApiKeyForm
    hint = "What programs sign in with. The secret is shown once, when a key is made."
    begin = "None yet: add one for each program, with no more scopes than it needs."
    list_before_template = "notifier/admin_hint.html"
    list_display = ("name", "prefix", "mode_badge", "may", "state", "last_used", "organization")
    list_filter = ("mode", "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "prefix")
    actions = ("revoke_keys",)

    @display(description="Mode", ordering="mode", label={"live": "success", "test": "info"})
    def mode_badge(self, key: ApiKey) -> str:
        return key.mode

    @display(description="May")
    def may(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="State", label=STATE_BADGES)
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        is_over = key.expires_at is not None and key.expires_at <= timezone.now()
        return "expired" if is_over else "active"

    @display(description="Last used", ordering="last_used_at")
    def last_used(self, key: ApiKey) -> SafeString | str:
        return show_time(key.last_used_at) if key.last_used_at else "never"

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Nobody makes a key that may do more than they may."""
        form = super().get_form(request, obj, **kwargs)
        if obj is None:
            form.base_fields["scopes"] = _offer_scopes(list_grantable_scopes(request))
        return form

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: "forms.ModelForm[ApiKey]", change: bool
    ) -> None:
        key, secret = create_api_key(
            organization_id=obj.organization_id,
            name=obj.name,
            scopes=obj.scopes,
            mode=mode_of(obj),
            created_by_id=request.user.pk,
            expires_at=obj.expires_at,
            now=timezone.now(),
        )
        obj.pk = key.pk  # the admin's history entry refers to the stored row
        messages.warning(request, f"Copy the key now, it is not shown again: {secret}")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("users.change_apikey"))

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke_keys(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> None:
        now = timezone.now()
        keys = list(queryset.filter(revoked_at__isnull=True))
        with transaction.atomic():
            for key in keys:
                revoke_api_key(organization_id=key.organization_id, key_id=key.pk, now=now)
        messages.success(request, f"{len(keys)} keys revoked")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False  # a revoked key tells who could send until when
