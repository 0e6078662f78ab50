"""The page between choosing dead letters and changing them: a dry run, and what is still asked."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.notifications.admin.ledger import log_intervention
from apps.notifications.models import DeadLetter, Notification
from apps.notifications.services.intervening import (
    FASTEST_REPLAY,
    MAX_SELECTED,
    SLOWEST_REPLAY,
)

Change = Callable[[list[UUID], dict[str, Any]], Sequence[UUID]]


class ReplayForm(forms.Form):
    per_second = forms.FloatField(
        label="At most per second",
        required=False,
        min_value=SLOWEST_REPLAY,
        max_value=FASTEST_REPLAY,
        help_text="Empty: all at once. They come due in turn, the oldest failure first.",
        widget=UnfoldAdminDecimalFieldWidget,
    )


class DiscardForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        help_text="Kept in each timeline. They stay in the ledger as failed.",
        widget=UnfoldAdminTextInputWidget,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an action would change: ids oldest first, and how many there are of each kind."""

    ids: list[UUID]
    kinds: list[tuple[str, str, str, int]]
    is_cut: bool


class Intervention:
    """One action on chosen dead letters, in two steps; the first changes nothing."""

    def __init__(self, pages: Any, *, title: str, done: str) -> None:
        self._pages = pages
        self._title = title
        self._done = done

    def carry_out(
        self,
        request: HttpRequest,
        queryset: QuerySet[DeadLetter],
        form_class: type[forms.Form],
        change: Change,
    ) -> HttpResponse | None:
        """Show the dry run; change what it showed once the form says how.

        What fails in between is not part of it. Whatever somebody else changed meanwhile is left
        alone: a second click changes nothing.
        """
        shown_at = _read_shown_at(request)
        preview = preview_change(queryset, shown_at=shown_at)
        form = form_class(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, form, preview, shown_at=shown_at)
        changed = change(preview.ids, form.cleaned_data)
        rows = list(Notification.objects.only("pk", "channel").filter(pk__in=changed))
        log_intervention(request, rows, message=self._done)
        messages.success(request, f"{self._done} {len(rows)} of {len(preview.ids)}")
        return None

    def _ask(
        self, request: HttpRequest, form: forms.Form, preview: Preview, *, shown_at: datetime
    ) -> HttpResponse:
        context = {
            **self._pages.admin_site.each_context(request),
            "title": self._title,
            "opts": self._pages.opts,
            "media": self._pages.media,
            "form": form,
            "preview": preview,
            "limit": MAX_SELECTED,
            "shown_at": shown_at.isoformat(),
            "action": request.POST.get("action", ""),
            "across": request.POST.get("select_across", "0"),
            "checkbox": ACTION_CHECKBOX_NAME,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "notifications/admin_intervene.html", context)


def preview_change(queryset: QuerySet[DeadLetter], *, shown_at: datetime) -> Preview:
    """Return what the choice means, as many as one action may take."""
    chosen = queryset.filter(finished_at__lte=shown_at).order_by("finished_at", "id")
    rows = list(chosen.values_list("pk", "channel", "provider", "error_code")[:MAX_SELECTED])
    kinds = Counter((channel, provider, code) for _, channel, provider, code in rows)
    return Preview(
        ids=[row[0] for row in rows],
        kinds=[(*kind, count) for kind, count in kinds.most_common()],
        is_cut=len(rows) == MAX_SELECTED,
    )


def _read_shown_at(request: HttpRequest) -> datetime:
    """Return when the dry run was shown, now where this is the dry run."""
    try:
        shown_at = parse_datetime(request.POST.get("shown_at", ""))
    except ValueError:
        shown_at = None
    return shown_at if shown_at and timezone.is_aware(shown_at) else timezone.now()
