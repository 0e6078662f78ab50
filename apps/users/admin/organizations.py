"""The admin's pages for organizations, and for groups of admin permissions."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from apps.users.admin.searching import is_superuser
from notifier.audit_pages import RecordedPages
from notifier.models import Organization
from notifier.organization_pages import OrganizationPages
from notifier.shown_values import show_time


@admin.register(Organization)
class OrganizationAdmin(RecordedPages, OrganizationPages, ModelAdmin):
    """The tenants; whoever is bound to one sees it alone, and makes no others."""

    organization_path = "pk"
    hint = "Each has its own users, templates, keys and notifications, and sees no other's."
    begin = "None yet: add one, and people and keys to it."
    list_before_template = "notifier/admin_hint.html"
    shown_fields = ("name", "slug", "is_active")
    list_display = ("name", "slug", "is_active", "made", "numbers")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    readonly_fields = ("created_at",)

    @admin.display(description="Since", ordering="created_at")
    def made(self, organization: Organization) -> SafeString | str:
        return show_time(organization.created_at)

    @admin.display(description="Last 24 hours")
    def numbers(self, organization: Organization) -> SafeString:
        address = reverse("admin:index")
        return format_html(
            '<a class="n-link" href="{}?organization={}">Overview</a>', address, organization.slug
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request) and bool(super().has_add_permission(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and bool(super().has_delete_permission(request, obj))


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(RecordedPages, DjangoGroupAdmin, ModelAdmin):
    """Django's groups of admin permissions, in the look of the other pages.

    For superusers: whoever could change a group could give it, and themselves, every right.
    """

    hint = "Permissions that several people have together. A user's page says who is in which."
    begin = "None yet: add one, then choose it on the pages of its people."
    list_before_template = "notifier/admin_hint.html"

    shown_fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)
