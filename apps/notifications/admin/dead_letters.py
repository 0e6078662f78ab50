"""The page of dead letters: send them again, or take them out for good."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.notifications.admin.filters import ModeFilter, TemplateFilter
from apps.notifications.admin.ledger import NotificationPages, choose_ids, log_intervention
from apps.notifications.models import DeadLetter, Notification
from apps.notifications.services.intervening import discard_dead_letters, replay_dead_letters


@admin.register(DeadLetter)
class DeadLetterAdmin(NotificationPages):
    list_display = (
        "failed_at",
        "channel",
        "shown_recipient",
        "template_code",
        "reason",
        "error_code",
        "error",
        "provider",
        "attempts",
    )
    list_filter = ("channel", ModeFilter, TemplateFilter, "organization")
    ordering = ("-finished_at", "-id")
    actions = ("replay_letters", "discard_letters")

    @admin.action(description="Replay", permissions=["intervene"])
    def replay_letters(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        replayed = replay_dead_letters(ids=choose_ids(queryset))
        rows = list(Notification.objects.filter(pk__in=replayed))
        log_intervention(request, rows, message="Replayed")
        messages.success(request, f"{len(rows)} replayed")

    @admin.action(description="Discard", permissions=["intervene"])
    def discard_letters(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        explanation = f"in the admin, by user {request.user.pk}"
        discarded = discard_dead_letters(ids=choose_ids(queryset), explanation=explanation)
        rows = list(Notification.objects.filter(pk__in=discarded))
        log_intervention(request, rows, message="Discarded")
        messages.success(request, f"{len(rows)} discarded")
