"""The page of dead letters: find them, send them again, or take them out for good."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import Truncator
from unfold.decorators import display

from apps.notifications.admin.dead_letter_filters import (
    ErrorCodeFilter,
    FailedWithinFilter,
    ProviderFilter,
)
from apps.notifications.admin.filters import ModeFilter, TemplateFilter
from apps.notifications.admin.interventions import DiscardForm, Intervention, ReplayForm
from apps.notifications.admin.ledger import NotificationPages
from apps.notifications.models import DeadLetter
from apps.notifications.services.intervening import discard_dead_letters, replay_dead_letters

SHOWN_OF_ERROR = 60


@admin.register(DeadLetter)
class DeadLetterAdmin(NotificationPages):
    list_display = (
        "failed_at",
        "channel",
        "shown_recipient",
        "template_code",
        "provider",
        "error_code",
        "short_error",
        "attempts",
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

    @display(description="Error")
    def short_error(self, letter: DeadLetter) -> str:
        """Return the beginning of the provider's words; the letter's page has them all."""
        return Truncator(letter.error).chars(SHOWN_OF_ERROR)

    @admin.action(description="Replay…", permissions=["intervene"])
    def replay_letters(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> HttpResponse | None:
        """Ask how fast, showing what is meant; then send them again."""
        page = Intervention(self, title="Replay dead letters", done="Replayed")
        return page.carry_out(
            request,
            queryset,
            ReplayForm,
            lambda ids, wish: replay_dead_letters(ids=ids, per_second=wish["per_second"]),
        )

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
