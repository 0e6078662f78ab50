"""The admin's pages for users, and how their passwords are set there."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import models, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.forms import (
    AdminOwnPasswordChangeForm,
    AdminPasswordChangeForm,
    UserChangeForm,
    UserCreationForm,
)

from apps.users.admin.searching import ADDRESS_OR_ID, find_people, is_superuser
from apps.users.models import Device, User
from apps.users.services import revoke_sessions
from apps.users.services.trail import SHOWN_OF_USER, record_user_change
from notifier.audit_pages import RecordedPages
from notifier.organization_pages import OrganizationPages
from notifier.shown_values import show_time

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
ROLE_BADGES = {"admin": "primary", "sender": "info", "member": ""}
STATE_BADGES = {"active": "success", "deactivated": "warning", "erased": "danger"}


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
class UserAdmin(RecordedPages, OrganizationPages, DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg,misc]  # generic in stubs; QuerySet[Any]
    shown_fields = SHOWN_OF_USER
    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = ChangedPasswordForm
    inlines = (DeviceInline,)
    hint = "Who is notified, and who may sign in. Preferences and devices are on a user's page."
    begin = "Nobody yet: add somebody, or let a program POST /api/v1/users."
    list_before_template = "notifier/admin_hint.html"
    list_display = (
        "email",
        "name",
        "role_badge",
        "wishes",
        "shown_state",
        "joined",
        "organization",
    )
    list_filter = ("role", "is_active", "is_staff", "organization")
    list_select_related = ("organization",)
    search_fields = ("pk",)  # shows the box; see get_search_results
    search_help_text = ADDRESS_OR_ID
    ordering = ("-id",)
    readonly_fields = ("created_at", "updated_at", "last_login", "erased_at", "sent_to")
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
        (
            "History",
            {"fields": ("sent_to", "created_at", "updated_at", "last_login", "erased_at")},
        ),
    )

    @display(description="Role", ordering="role", label=ROLE_BADGES)
    def role_badge(self, user: User) -> str:
        return user.role

    @display(description="Wants")
    def wishes(self, user: User) -> str:
        wanted = [name for name in ("email", "push") if user.wants(name)]
        return " and ".join(wanted) or "nothing"

    @display(description="State", label=STATE_BADGES)
    def shown_state(self, user: User) -> str:
        if user.erased_at:
            return "erased"
        return "active" if user.is_active else "deactivated"

    @display(description="Since", ordering="created_at")
    def joined(self, user: User) -> SafeString | str:
        return show_time(user.created_at)

    @admin.display(description="Notifications")
    def sent_to(self, user: User) -> SafeString | str:
        """Link to what was sent to this person."""
        address = reverse("admin:notifications_notification_changelist")
        return format_html('<a class="n-link" href="{}?q={}">Show them</a>', address, user.email)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[User], search_term: str
    ) -> tuple[models.QuerySet[User], bool]:
        return queryset.filter(pk__in=find_people(search_term)), False

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
        return fields if is_superuser(request) else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody changes who was erased, and only superusers those who may use the admin.

        Also asked before a password is set here.
        """
        out_of_reach = obj is not None and (
            obj.erased_at is not None or (obj.is_staff and not is_superuser(request))
        )
        return not out_of_reach and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # the ledger refers to users: they are erased (through the API), not deleted
