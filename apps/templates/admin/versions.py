"""The pages of versions: a form for a new one, a preview and a button to publish."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from apps.templates.admin.forms import FIELDS, NewVersionForm
from apps.templates.admin.preview import show_preview
from apps.templates.models import Channel, Template, TemplateVersion
from apps.templates.services import add_version, publish_version
from notifier.errors import NotifierError


@admin.register(TemplateVersion)
class VersionAdmin(ModelAdmin):
    """Versions are written once; what can be done with one is to publish it."""

    form = NewVersionForm
    list_display = ("template", "number", "language", "is_published", "created_at")
    list_filter = ("is_published", "language", "template__channel")
    list_select_related = ("template",)
    search_fields = ("template__code",)
    ordering = ("-created_at",)
    readonly_fields = ("preview", "publish_button")
    fields = (
        "template",
        "number",
        "language",
        "is_published",
        "published_at",
        "publish_button",
        "preview",
        "required_variables",
        "sample_variables",
        "content",
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.publish)
        name = "templates_templateversion_publish"
        return [path("<uuid:pk>/publish/", view, name=name), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TemplateVersion]:
        versions: QuerySet[TemplateVersion] = super().get_queryset(request)
        return versions.filter(template__deleted_at=None)

    def get_fieldsets(self, request: HttpRequest, obj: TemplateVersion | None = None) -> Any:
        if obj is not None:
            return ((None, {"fields": self.fields}),)
        channels = _channels_to_write(request)
        parts = [(channel.label, {"fields": FIELDS[channel]}) for channel in channels]
        return [
            (None, {"fields": ("template", "language")}),
            *parts,
            ("Preview", {"fields": ("sample_variables",)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

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

    @admin.display(description="Preview with the sample variables")
    def preview(self, version: TemplateVersion) -> SafeString:
        return show_preview(version)

    @admin.display(description="Publish")
    def publish_button(self, version: TemplateVersion) -> SafeString | str:
        if version.is_published:
            return f"This is what is sent in {version.language}."
        address = reverse("admin:templates_templateversion_publish", args=[version.pk])
        # The page's own form carries the token against forged requests.
        return format_html(
            '<button type="submit" formaction="{}" formmethod="post" class="font-medium'
            ' text-primary-600">Publish this version</button>',
            address,
        )

    def publish(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Publish one version and return to its page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("templates.change_templateversion"):
            raise PermissionDenied
        version = get_object_or_404(self.get_queryset(request).select_related("template"), pk=pk)
        _publish_and_say(request, version)
        return redirect("admin:templates_templateversion_change", version.pk)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _publish_and_say(request: HttpRequest, version: TemplateVersion) -> None:
    template = version.template
    try:
        publish_version(
            organization_id=template.organization_id,
            code=template.code,
            number=version.number,
            now=timezone.now(),
        )
    except NotifierError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{template.code}: version {version.number} is live")


def _channels_to_write(request: HttpRequest) -> list[Channel]:
    """Return the channel of the template that the page was opened for, else both."""
    try:
        template_id = UUID(request.GET.get("template", ""))
    except ValueError:
        return list(Channel)
    chosen = Template.objects.filter(pk=template_id).values_list("channel", flat=True)
    return [Channel(channel) for channel in chosen] or list(Channel)
