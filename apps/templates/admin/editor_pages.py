"""What the pages of templates and of versions share: the editor, and a page for what is kept."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from apps.templates.admin.editing import EDITOR_MEDIA, describe_editor
from apps.templates.models import Template


class EditorPages(ModelAdmin):
    """Adds in the editor; what is stored has a page that shows more than its fields."""

    Media = EDITOR_MEDIA
    add_form_template = "templates/editor.html"

    def find_edited(self, request: HttpRequest) -> Template | None:
        """Return the template that is written for; None where it is being created."""
        return None

    def describe_row(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the page of a stored row shows besides its fields."""
        raise NotImplementedError

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = describe_editor(request, self.find_edited(request))
        response: HttpResponse = super().add_view(request, form_url, context)
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        context = self.describe_row(request, row) if row else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response
