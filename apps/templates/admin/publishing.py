"""Publishing and rolling back: a page that shows what would change, then the change."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from apps.templates.admin.access import visible_versions
from apps.templates.admin.history import compare_versions, find_live
from apps.templates.models import TemplateVersion
from apps.templates.services import publish_version
from notifier.errors import NotifierError

VERSION_PAGE = "admin:templates_templateversion_change"


def may_publish(request: HttpRequest) -> bool:
    return request.user.has_perm("templates.change_templateversion")


def is_rollback(version: TemplateVersion, live: TemplateVersion | None) -> bool:
    """Would publishing it go back to something older?"""
    return live is not None and version.number < live.number


def confirm_or_publish(request: HttpRequest, pk: UUID, context: dict[str, object]) -> HttpResponse:
    """Show what publishing would change (GET), or publish and return to the version (POST)."""
    if not may_publish(request):
        raise PermissionDenied
    version = get_object_or_404(visible_versions(request), pk=pk)
    if request.method == "POST":
        publish_and_say(request, version)
        return redirect(VERSION_PAGE, version.pk)
    live = find_live(version.template, version.language)
    context |= {
        "version": version,
        "comparison": compare_versions(live, version),
        "is_rollback": is_rollback(version, live),
    }
    return TemplateResponse(request, "templates/publish.html", context)


def publish_and_say(request: HttpRequest, version: TemplateVersion) -> None:
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
        message = f"{template.code}: version {version.number} is live in {version.language}"
        messages.success(request, message)
