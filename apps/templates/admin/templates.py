"""The pages of templates, with their versions in a list."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from apps.templates.admin.forms import FIELDS, ChangedTemplateForm, NewTemplateForm
from apps.templates.models import Channel, Template, TemplateVersion
from apps.templates.services import create_template, delete_template, update_template

VERSION_COLUMNS = ("number", "language", "is_published", "published_at", "created_at")


class VersionInline(TabularInline):
    """Read only: content never changes, and publishing is done on the version's own page."""

    model = TemplateVersion
    fields = readonly_fields = VERSION_COLUMNS
    ordering = ("-number",)
    show_change_link = True
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[TemplateVersion]:
        versions: QuerySet[TemplateVersion] = super().get_queryset(request)
        return versions.defer("content", "sample_variables")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Template)
class TemplateAdmin(ModelAdmin):
    list_display = ("code", "organization", "channel", "name", "kind", "updated_at")
    list_filter = ("channel", "kind", "organization")
    list_select_related = ("organization",)
    search_fields = ("code", "name")
    actions = ("retire_templates",)
    readonly_fields = ("organization", "code", "channel", "add_version_link")
    fieldsets = (
        (None, {"fields": ("organization", "code", "channel", "add_version_link")}),
        (None, {"fields": ("name", "kind", "delivery_guarantee", "default_language")}),
    )
    add_fieldsets = (
        (None, {"fields": ("organization", "code", "channel", "name", "language")}),
        ("Sending", {"fields": ("kind", "delivery_guarantee")}),
        ("E-mail", {"fields": FIELDS[Channel.EMAIL]}),
        ("Push", {"fields": FIELDS[Channel.PUSH]}),
        ("Preview", {"fields": ("sample_variables",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Template]:
        templates: QuerySet[Template] = super().get_queryset(request)
        return templates.filter(deleted_at=None)

    def get_form(
        self,
        request: HttpRequest,
        obj: Template | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        form = ChangedTemplateForm if obj else NewTemplateForm
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def get_fieldsets(self, request: HttpRequest, obj: Template | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Template | None) -> Any:
        return (VersionInline,) if obj else ()

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        if change:
            _save_changes(obj, changed=form.changed_data)
        else:
            _save_new(request, obj, form)

    @admin.display(description="Content")
    def add_version_link(self, template: Template) -> SafeString:
        address = reverse("admin:templates_templateversion_add")
        return format_html(
            '<a href="{}?template={}">Write a new version</a>', address, template.pk
        )

    @admin.action(description="Delete the selected templates", permissions=["retire"])
    def retire_templates(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        for template in queryset:
            delete_template(
                organization_id=template.organization_id, code=template.code, now=timezone.now()
            )
        messages.success(request, "Deleted; what was accepted is still sent")

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("templates.delete_template")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # rows stay: notifications refer to their versions


def _save_changes(template: Template, *, changed: list[str]) -> None:
    update_template(
        organization_id=template.organization_id,
        code=template.code,
        name=template.name,
        kind=template.kind,
        delivery_guarantee=template.delivery_guarantee,
        default_language=template.default_language if "default_language" in changed else None,
    )


def _save_new(request: HttpRequest, template: Template, form: NewTemplateForm) -> None:
    stored = create_template(
        organization_id=template.organization_id,
        code=template.code,
        channel=template.channel,
        name=template.name,
        version=form.as_new_version(),
        now=timezone.now(),
        kind=template.kind,
        delivery_guarantee=template.delivery_guarantee,
        created_by=request.user.pk,
    )
    template.pk = stored.pk  # the admin's history entry refers to the stored row
