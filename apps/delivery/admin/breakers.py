"""The page of the providers' circuit breakers: how each stands, and a button that closes it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.admin import ModelAdmin

from apps.delivery.models import CircuitBreaker
from apps.delivery.services.breakers import ProviderBreaker, list_breakers, reset_breaker
from notifier.breaker import BreakerView
from notifier.errors import NotFound

PAGE = "admin:delivery_circuitbreaker_changelist"
ALONE = "No Redis (CACHE_URL): every process has breakers of its own; these are the web process's."
AWAY = "Redis does not answer. What follows is what this web process knows; workers may differ."


@admin.register(CircuitBreaker)
class BreakerAdmin(ModelAdmin):
    """A list without a table: rows come from the service that API and command use too."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("delivery.reset_circuitbreaker")

    def get_urls(self) -> list[URLPattern]:
        """The list and the button: there is no row to add, change or delete."""
        protect = self.admin_site.admin_view
        return [
            path("", protect(self.changelist_view), name="delivery_circuitbreaker_changelist"),
            path("<str:name>/reset/", protect(self.reset_view), name="delivery_breaker_reset"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = list_breakers()
        context = {
            **self.admin_site.each_context(request),
            "title": "Breakers",
            "opts": self.opts,
            "rows": [_describe_row(*each) for each in found],
            "warning": warn_of_blindness([view for _, view in found]),
            "threshold": settings.BREAKER_THRESHOLD,
            "may_reset": self.has_reset_permission(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "delivery/admin_breakers.html", context)

    def reset_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Close one breaker (POST), and leave in the admin's history who did."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_reset_permission(request):
            raise PermissionDenied
        try:
            _, view = reset_breaker(name)[0]
        except NotFound as error:
            raise Http404(str(error)) from error
        _log_reset(request, name)
        _tell_reset(request, view)
        return redirect(PAGE)


def warn_of_blindness(views: list[BreakerView]) -> str:
    """Return why the page may not know the workers' breakers; "" where it does."""
    if all(view.is_shared for view in views) or settings.IS_EMBEDDED:
        return ""
    return AWAY if settings.CACHE_URL else ALONE


def _describe_row(breaker: ProviderBreaker, view: BreakerView) -> dict[str, Any]:
    now = timezone.now()
    since = None if view.opened_ago is None else now - timedelta(seconds=view.opened_ago)
    trial_at = now + timedelta(seconds=view.retry_after) if view.retry_after else None
    return {"breaker": breaker, "view": view, "since": since, "trial_at": trial_at}


def _log_reset(request: HttpRequest, name: str) -> None:
    LogEntry.objects.create(
        user_id=str(request.user.pk),
        content_type=ContentType.objects.get_for_model(CircuitBreaker),
        object_id=name,
        object_repr=name,
        action_flag=CHANGE,
        change_message="Reset",
    )


def _tell_reset(request: HttpRequest, view: BreakerView) -> None:
    if warning := warn_of_blindness([view]):
        messages.warning(request, f"{view.name}: reset in this process only. {warning}")
    else:
        messages.success(request, f"{view.name}: closed, the next call goes out")
