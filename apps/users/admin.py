"""The admin's pages for organizations, users, devices and API keys."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.users.models import ApiKey, Device, User
from apps.users.services import create_api_key, revoke_sessions
from notifier.authentication import SCOPES
from notifier.models import Organization


@admin.register(Organization)
class OrganizationAdmin(ModelAdmin):
    list_display = ("name", "slug", "is_active", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    readonly_fields = ("created_at",)


class DeviceInline(TabularInline):
    model = Device
    fields = ("masked_token", "platform", "created_at", "last_seen_at")
    readonly_fields = fields
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # devices come from apps, which know their token


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("organization", "email", "name", "role")


class ChangedUserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


class ChangedPasswordForm(AdminPasswordChangeForm):
    """A password that an operator sets ends all sessions, as one that the user sets does."""

    def save(self, commit: bool = True) -> Any:
        user = super().save(commit=commit)
        revoke_sessions(user_id=user.pk, now=timezone.now())
        return user


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # generic in stubs only
    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = ChangedPasswordForm
    inlines = (DeviceInline,)
    list_display = ("email", "name", "organization", "role", "is_active", "created_at")
    list_filter = ("role", "is_active", "is_staff", "organization")
    list_select_related = ("organization",)
    search_fields = ("email", "name")
    ordering = ("-id",)
    readonly_fields = ("created_at", "updated_at", "last_login", "erased_at")
    add_fieldsets = (
        (None, {"fields": ("organization", "email", "name", "role")}),
        ("Password", {"fields": ("usable_password", "password1", "password2")}),
    )
    fieldsets = (
        (None, {"fields": ("organization", "email", "password", "name", "role", "is_active")}),
        ("Preferences", {"fields": ("language", "timezone", "email_enabled", "push_enabled")}),
        (
            "Admin rights",
            {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Times", {"fields": readonly_fields}),
    )

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()  # a user that is being added has no devices yet

    def save_model(
        self, request: HttpRequest, obj: User, form: "forms.ModelForm[User]", change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if "is_active" in form.changed_data and not obj.is_active:
            revoke_sessions(user_id=obj.pk, now=timezone.now())

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        erased = obj is not None and obj.erased_at is not None
        return not erased and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # the ledger refers to users: they are erased (through the API), not deleted


@admin.register(Device)
class DeviceAdmin(ModelAdmin):
    list_display = ("masked_token", "platform", "user", "organization", "last_seen_at")
    list_filter = ("platform", "organization")
    list_select_related = ("user", "organization")
    search_fields = ("user__email",)
    fields = ("masked_token", "platform", "user", "organization", "created_at", "last_seen_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class NewApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in stubs only
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = ApiKey
        fields = ("organization", "name", "scopes", "mode", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys are made and revoked here, never changed: what a key may do stays what it was."""

    form = NewApiKeyForm
    list_display = ("name", "prefix", "organization", "mode", "last_used_at", "revoked_at")
    list_filter = ("mode", "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "prefix")
    actions = ("revoke_keys",)

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: "forms.ModelForm[ApiKey]", change: bool
    ) -> None:
        key, secret = create_api_key(
            organization_id=obj.organization_id,
            name=obj.name,
            scopes=obj.scopes,
            mode="test" if obj.mode == ApiKey.Mode.TEST else "live",
            created_by_id=request.user.pk,
            expires_at=obj.expires_at,
            now=timezone.now(),
        )
        obj.pk = key.pk  # the admin's history entry refers to the stored row
        messages.warning(request, f"Copy the key now, it is not shown again: {secret}")

    @admin.action(description="Revoke the selected keys", permissions=["view"])
    def revoke_keys(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> None:
        count = ApiKey.objects.filter(pk__in=queryset).revoke(timezone.now())
        messages.success(request, f"{count} keys revoked")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False  # a revoked key tells who could send until when


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Django's groups of admin permissions, in the look of the other pages."""
