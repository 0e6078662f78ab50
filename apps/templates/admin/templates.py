"""The pages of templates: the editor for a new one, properties, languages and versions."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apps.templates.admin.access import organization_of
from apps.templates.admin.editor_pages import EditorPages
from apps.templates.admin.forms import ChangedTemplateForm, NewTemplateForm
from apps.templates.admin.history import list_languages, list_versions_of
from apps.templates.admin.publishing import may_publish
from apps.templates.models import Template
from apps.templates.services import (
    count_usage,
    create_template,
    delete_template,
    update_template,
)
from notifier.organization_pages import OrganizationPages


@admin.register(Template)
class TemplateAdmin(OrganizationPages, EditorPages):
    hint = "What messages are made of. Open one for its languages, versions and their use."
    begin = "None yet: add one. The editor shows the message while you write it."
    list_before_template = "notifier/admin_hint.html"
    list_display = ("code", "organization", "channel", "name", "kind", "updated_at")
    list_filter = ("channel", "kind", "organization")
    list_select_related = ("organization",)
    search_fields = ("code", "name")
    actions = ("retire_templates",)
    change_form_template = "templates/template.html"
    readonly_fields = ("organization", "code", "channel")
    fieldsets = (
        (None, {"fields": ("name", "kind", "delivery_guarantee", "default_language")}),
        (None, {"fields": ("organization", "code", "channel")}),
    )
    add_fieldsets = ((None, {"fields": NewTemplateForm.Meta.fields}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Template]:
        return super().get_queryset(request).filter(deleted_at=None)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"organization": organization_of(request), "format": "html"}

    def describe_row(self, request: HttpRequest, row: Template) -> dict[str, Any]:
        return _describe_history(request, row)

    def response_add(
        self, request: HttpRequest, obj: Template, post_url_continue: Any = None
    ) -> HttpResponse:
        state = "live" if _is_to_publish(request) else "a draft"
        messages.success(request, f"{obj.code} is stored, and its version 1 is {state}")
        return redirect("admin:templates_template_change", obj.pk)

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

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        if change:
            _save_changes(obj, changed=form.changed_data)
        else:
            _save_new(request, obj, form)

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


def _describe_history(request: HttpRequest, template: Template) -> dict[str, Any]:
    usage = count_usage(organization_id=template.organization_id, code=template.code)
    return {
        "template": template,
        "languages": list_languages(template),
        "versions": list_versions_of(template, usage),
        "may_write": request.user.has_perm("templates.add_templateversion"),
        "may_publish": may_publish(request),
    }


def _is_to_publish(request: HttpRequest) -> bool:
    return "_draft" not in request.POST and may_publish(request)


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
        publish=_is_to_publish(request),
        created_by=request.user.pk,
    )
    template.pk = stored.pk  # the admin's history entry refers to the stored row
