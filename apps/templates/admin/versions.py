"""The pages of versions: the editor for a new one, and what can be done with a stored one."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.decorators import display

from apps.templates.admin.access import find_template, visible_templates, visible_versions
from apps.templates.admin.drafting import only_post, preview_draft, try_draft, try_version
from apps.templates.admin.editing import find_begin
from apps.templates.admin.editor_pages import EditorPages
from apps.templates.admin.forms import NewVersionForm, write_fields
from apps.templates.admin.history import compare_versions, find_live, state_of
from apps.templates.admin.publishing import (
    VERSION_PAGE,
    confirm_or_publish,
    is_rollback,
    may_publish,
    publish_and_say,
)
from apps.templates.admin.showing import describe_stored
from apps.templates.models import Template, TemplateVersion
from apps.templates.services import add_version

BADGES = {"live": "success", "earlier": "info", "draft": "warning"}


@admin.register(TemplateVersion)
class VersionAdmin(EditorPages):
    """Versions are written once; what can be done with one is to publish it."""

    hint = "Each text that was ever written for a template, the newest first."
    begin = "None yet: they are written on a template's page, with its first one."
    list_before_template = "notifier/admin_hint.html"

    form = NewVersionForm
    change_form_template = "templates/version.html"
    list_display = ("template", "number", "language", "state", "created_at")
    list_filter = ("is_published", "language", "template__channel")
    list_select_related = ("template",)
    search_fields = ("template__code",)
    ordering = ("-created_at",)
    fields = ("template",)

    def get_urls(self) -> list[URLPattern]:
        protect, name = self.admin_site.admin_view, "templates_templateversion_%s"
        routes = {
            "preview/": ("preview", only_post(preview_draft)),
            "try/": ("try", only_post(try_draft)),
            "<uuid:pk>/publish/": ("publish", self.publish),
            "<uuid:pk>/try/": ("try_stored", only_post(try_version)),
            "<uuid:pk>/compare/": ("compare", self.compare),
        }
        own = [
            path(way, protect(view), name=name % short) for way, (short, view) in routes.items()
        ]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TemplateVersion]:
        return visible_versions(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        template = find_template(request, request.GET.get("template", ""))
        if template is None:
            return {}
        language = request.GET.get("language") or template.default_language
        start = find_begin(template, language, request.GET.get("from", ""))
        written = write_fields(start) if start else {}
        return {**written, "template": template.pk, "language": language}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "template":
            kwargs["queryset"] = visible_templates(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def find_edited(self, request: HttpRequest) -> Template | None:
        identity = request.POST.get("template") or request.GET.get("template", "")
        return find_template(request, identity)

    def describe_row(self, request: HttpRequest, row: TemplateVersion) -> dict[str, Any]:
        return describe_stored(request, row)

    def save_model(
        self, request: HttpRequest, obj: TemplateVersion, form: NewVersionForm, change: bool
    ) -> None:
        stored = add_version(
            organization_id=obj.template.organization_id,
            code=obj.template.code,
            version=form.as_new_version(),
            created_by=request.user.pk,
        )
        obj.pk = stored.pk  # the admin's history entry refers to the stored row
        obj.number, obj.language = stored.number, stored.language

    def response_add(
        self, request: HttpRequest, obj: TemplateVersion, post_url_continue: Any = None
    ) -> HttpResponse:
        if "_publish" in request.POST and may_publish(request):
            publish_and_say(request, obj)
        else:
            self.message_user(request, f"Version {obj.number} is stored as a draft")
        return redirect(VERSION_PAGE, obj.pk)

    @display(description="State", label=BADGES)
    def state(self, version: TemplateVersion) -> str:
        return state_of(version)

    def publish(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask whether a version is to go live, showing what changes; then publish it."""
        return confirm_or_publish(request, pk, self._page_context(request, "Publish"))

    def compare(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show what changed between another version of the template (?with=) and this one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        version = get_object_or_404(visible_versions(request), pk=pk)
        others = version.template.versions.exclude(pk=pk).order_by("-number")
        live = find_live(version.template, version.language)
        old = _find_compared(request, others, version)
        context = self._page_context(request, "Compare") | {
            "version": version,
            "others": others.defer("content", "built", "sample_variables"),
            "comparison": compare_versions(old, version),
            "may_publish": may_publish(request),
            "is_rollback": is_rollback(version, live),
        }
        return TemplateResponse(request, "templates/compare.html", context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = request.user.has_perm
        return may("templates.view_templateversion") or may("templates.change_templateversion")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _page_context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        each = self.admin_site.each_context(request)
        return {**each, "title": title, "opts": self.opts, "media": self.media}


def _find_compared(
    request: HttpRequest, others: QuerySet[TemplateVersion], version: TemplateVersion
) -> TemplateVersion | None:
    """Return the asked version, else the one before in this language, else the newest other."""
    number = request.GET.get("with", "")
    if number.isascii() and number.isdigit() and len(number) < 10:
        return others.filter(number=int(number)).first()
    same = others.filter(language=version.language)
    return same.filter(number__lt=version.number).first() or same.first() or others.first()
