"""The page of dead letters: find them, send them again and watch it, or take them out."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import display

from apps.notifications.admin.dead_letter_filters import (
    ErrorCodeFilter,
    FailedWithinFilter,
    ProviderFilter,
)
from apps.notifications.admin.filters import ModeFilter, TemplateFilter
from apps.notifications.admin.interventions import DiscardForm, Intervention, ReplayForm
from apps.notifications.admin.pages import NotificationPages
from apps.notifications.models import DeadLetter
from apps.notifications.services.intervening import discard_dead_letters, replay_dead_letters
from apps.notifications.services.replays import follow_replay
from notifier.correlation import current_correlation_id
from notifier.organization_pages import seen_organization
from notifier.shown_values import NOTHING

SHOWN_OF_ERROR = 60


@admin.register(DeadLetter)
class DeadLetterAdmin(NotificationPages):
    hint = (
        "What was given up and waits for a person. Choose some, or all that match a filter, and"
        " replay or discard them: both show first what is meant."
    )
    begin = "None: nothing has been given up, and nothing waits for you."
    list_display = (
        "failed_at",
        "channel",
        "shown_recipient",
        "template_code",
        "provider",
        "shown_code",
        "short_error",
        "organization",
    )
    list_filter = (
        FailedWithinFilter,
        ErrorCodeFilter,
        ProviderFilter,
        TemplateFilter,
        "channel",
        ModeFilter,
        "organization",
    )
    ordering = ("-finished_at", "-id")
    actions = ("replay_letters", "discard_letters")

    def get_urls(self) -> list[URLPattern]:
        follow = self.admin_site.admin_view(self.follow_view)
        urls: list[URLPattern] = super().get_urls()
        return [path("replays/<str:correlation_id>/", follow, name="notifications_replay"), *urls]

    def follow_view(self, request: HttpRequest, correlation_id: str) -> HttpResponse:
        """Show how far one of the operator's own bulk replays is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        progress = follow_replay(
            correlation_id=correlation_id,
            actor_id=cast("UUID", request.user.pk),
            organization_id=seen_organization(request),
            now=timezone.now(),
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "Replay",
            "progress": progress,
            "is_over": progress.finished == progress.total,
        }
        return TemplateResponse(request, "notifications/admin_replay.html", context)

    @display(description="Error code", ordering="error_code")
    def shown_code(self, letter: DeadLetter) -> SafeString:
        return format_html('<code class="n-badge">{}</code>', letter.error_code or letter.reason)

    @display(description="Error")
    def short_error(self, letter: DeadLetter) -> SafeString | str:
        """Return the beginning of the provider's words; all of them show when pointed at."""
        if not letter.error:
            return NOTHING
        words = Truncator(letter.error).chars(SHOWN_OF_ERROR)
        return format_html('<span class="n-cut" title="{}">{}</span>', letter.error, words)

    @admin.action(description="Replay…", permissions=["intervene"])
    def replay_letters(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> HttpResponse | None:
        """Ask how fast, showing what is meant; then send them again."""
        page = Intervention(self, title="Replay dead letters", done="Replayed")
        asked = page.carry_out(
            request,
            queryset,
            ReplayForm,
            lambda ids, wish: replay_dead_letters(ids=ids, per_second=wish["per_second"]),
        )
        if asked is not None:
            return asked
        return redirect("admin:notifications_replay", current_correlation_id())

    @admin.action(description="Discard…", permissions=["intervene"])
    def discard_letters(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> HttpResponse | None:
        """Ask why, showing what is meant; then take them out of the dead letters."""
        page = Intervention(self, title="Discard dead letters", done="Discarded")

        def discard(ids: list[Any], wish: dict[str, Any]) -> list[Any]:
            explanation = f"{wish['reason']} (in the admin, by user {request.user.pk})"
            return discard_dead_letters(ids=ids, explanation=explanation)

        return page.carry_out(request, queryset, DiscardForm, discard)
