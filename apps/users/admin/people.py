"""The admin's pages for organizations, users, devices and API keys."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import (
    AdminOwnPasswordChangeForm,
    AdminPasswordChangeForm,
    UserChangeForm,
    UserCreationForm,
)
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.users.models import ApiKey, Device, User
from apps.users.services import create_api_key, revoke_api_key, revoke_sessions
from apps.users.services.api_keys import mode_of
from apps.users.services.trail import SHOWN_OF_USER, record_user_change
from notifier.audit_pages import RecordedPages
from notifier.authentication import SCOPES
from notifier.errors import InvalidRequest
from notifier.models import Organization

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
ADDRESS_OR_ID = "Exactly: a user's e-mail address or id"


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _find_people(term: str) -> models.QuerySet[User]:
    """Return whom a search means: addresses are sealed, and found by their index alone."""
    text = term.strip()
    if not text:
        return User.objects.get_queryset()
    with suppress(ValueError):
        return User.objects.get_queryset().filter(pk=UUID(text))
    with suppress(InvalidRequest):
        return User.objects.get_queryset().with_email(text)
    return User.objects.none()


@admin.register(Organization)
class OrganizationAdmin(RecordedPages, ModelAdmin):
    shown_fields = ("name", "slug", "is_active")
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


class RecordedPassword:
    """A password that is set here ends all sessions, as one that is set through the API does."""

    def save(self, commit: bool = True) -> Any:
        with transaction.atomic():
            user = super().save(commit=commit)  # type: ignore[misc]  # the form's
            revoke_sessions(user_id=user.pk, now=timezone.now())
            record_user_change(
                user_id=user.pk,
                organization_id=user.organization_id,
                verb="changed",
                changes={"password": {}},
            )
        return user


class ChangedPasswordForm(RecordedPassword, AdminPasswordChangeForm):
    """Another one's password."""


class OwnPasswordForm(RecordedPassword, AdminOwnPasswordChangeForm):
    """One's own."""


admin.site.password_change_form = OwnPasswordForm


@admin.register(User)
class UserAdmin(RecordedPages, DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # generic in stubs only
    shown_fields = SHOWN_OF_USER
    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = ChangedPasswordForm
    inlines = (DeviceInline,)
    list_display = ("email", "name", "organization", "role", "is_active", "created_at")
    list_filter = ("role", "is_active", "is_staff", "organization")
    list_select_related = ("organization",)
    search_fields = ("pk",)  # shows the box; see get_search_results
    search_help_text = ADDRESS_OR_ID
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
            {"fields": RIGHTS},
        ),
        ("Times", {"fields": readonly_fields}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[User], search_term: str
    ) -> tuple[models.QuerySet[User], bool]:
        return queryset.filter(pk__in=_find_people(search_term)), False

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()  # a user that is being added has no devices yet

    def save_model(
        self, request: HttpRequest, obj: User, form: "forms.ModelForm[User]", change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        is_shut_out = "is_active" in form.changed_data and not obj.is_active
        if change and ("role" in form.changed_data or is_shut_out):
            revoke_sessions(user_id=obj.pk, now=timezone.now())

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Who may change users must not make themselves superusers by it."""
        fields = super().get_readonly_fields(request, obj)
        return fields if _is_superuser(request) else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody changes who was erased, and only superusers those who may use the admin.

        Also asked before a password is set here.
        """
        out_of_reach = obj is not None and (
            obj.erased_at is not None or (obj.is_staff and not _is_superuser(request))
        )
        return not out_of_reach and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # the ledger refers to users: they are erased (through the API), not deleted


@admin.register(Device)
class DeviceAdmin(RecordedPages, ModelAdmin):
    list_display = ("masked_token", "platform", "user", "organization", "last_seen_at")
    list_filter = ("platform", "organization")
    list_select_related = ("user", "organization")
    search_fields = ("pk",)  # shows the box; see get_search_results
    search_help_text = ADDRESS_OR_ID
    fields = ("masked_token", "platform", "user", "organization", "created_at", "last_seen_at")
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Device], search_term: str
    ) -> tuple[models.QuerySet[Device], bool]:
        return queryset.filter(user__in=_find_people(search_term)), False

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


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(RecordedPages, DjangoGroupAdmin, ModelAdmin):
    """Django's groups of admin permissions, in the look of the other pages.

    For superusers: whoever could change a group could give it, and themselves, every right.
    """

    shown_fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)
