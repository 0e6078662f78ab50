"""What the pages of a notification, and of a dead letter, which is one, have in common."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.notifications.admin.explanations import explain_event
from apps.notifications.admin.ledger import LedgerAdmin
from apps.notifications.admin.preview import show_message
from apps.notifications.admin.story import TONES, tell_story
from apps.notifications.models import FINAL_STATUSES, Notification, Status
from apps.notifications.services.suppressing import index_for_search
from notifier.shown_values import NOTHING, show_exact_time, show_table, show_time

MASKED_FROM = 12
REPORTS_EXPECTED = timedelta(minutes=1)  # so long a page that says `sent` goes on looking
BADGES = {
    Status.PENDING: "info",
    Status.QUEUED: "info",
    Status.SENDING: "info",
    Status.SENT: "success",
    Status.DELIVERED: "success",
    Status.BOUNCED: "danger",
    Status.FAILED: "danger",
    Status.SKIPPED: "warning",
    Status.CANCELLED: "warning",
    Status.EXPIRED: "warning",
}
_TIMES = ("created_at", "due_at", "expires_at", "sent_at", "finished_at", "discarded_at")
_SHOWN_TIMES = tuple(f"shown_{name}" for name in _TIMES)
_TIMES_IN_PAIRS = tuple(zip(_SHOWN_TIMES[::2], _SHOWN_TIMES[1::2], strict=True))


class NotificationPages(LedgerAdmin):
    """The list, and the page whose heart is the timeline."""

    search_fields = ("pk",)  # shows the box; see get_search_results
    search_help_text = "Exactly: id, request_id, recipient or correlation id"
    list_select_related = ("organization",)
    change_form_outer_before_template = "notifications/admin_timeline.html"
    fieldsets = (
        (
            "Where it stands",
            {"fields": ("why", ("provider", "shown_attempts"), *_TIMES_IN_PAIRS)},
        ),
        ("Message", {"fields": (("shown_recipient", "shown_template"), "message")}),
        ("What came with it", {"fields": (("shown_variables", "shown_metadata"),)}),
        (
            "Identity",
            {
                "fields": (
                    ("id", "request_id"),
                    ("correlation_id", "provider_message_id"),
                    ("organization", "batch"),
                    ("mode", "priority"),
                    ("channel", "delivery_guarantee"),
                )
            },
        ),
    )
    readonly_fields = (
        "shown_recipient",
        "shown_template",
        "message",
        "why",
        "shown_attempts",
        "shown_variables",
        "shown_metadata",
        *_SHOWN_TIMES,
    )

    class Media:
        css = {"all": ["notifications/timeline.css"]}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the story only with the row: `get_queryset` decides whose may be seen."""
        row = self.get_object(request, object_id)
        context = {
            **(extra_context or {}),
            "story": tell_story(object_id) if row else [],
            "tone": TONES.get(row.status, "calm") if row else "",
            "is_final": row is not None and _is_settled(row, now=timezone.now()),
            "shown_at": timezone.now(),
            "may_intervene": self.has_intervene_permission(request),
        }
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        if request.headers.get("X-Known-Events") not in {None, str(len(context["story"]))}:
            page["HX-Refresh"] = "true"  # what stands below the timeline has changed too
        return page

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Match exactly: searching inside the texts of millions of rows takes minutes."""
        term = search_term.strip()
        if not term:
            return queryset, False
        matches = (
            Q(request_id=term) | Q(recipient_index=index_for_search(term)) | Q(correlation_id=term)
        )
        return queryset.filter(matches | _with_id(term)), False

    @display(description="Status", ordering="status", label=BADGES)
    def status_badge(self, row: Notification) -> str:
        return row.status

    @display(description="Accepted", ordering="created_at")
    def accepted_at(self, row: Notification) -> SafeString | str:
        return show_time(row.created_at)

    @display(description="Failed", ordering="finished_at")
    def failed_at(self, row: Notification) -> SafeString | str:
        return show_time(row.finished_at)

    @display(description="To")
    def shown_recipient(self, row: Notification) -> SafeString | str:
        """Return an address, or as much of a device token as tells devices apart."""
        if row.channel == "push" and len(row.recipient) > MASKED_FROM:
            return f"{row.recipient[:4]}…{row.recipient[-4:]} ({row.platform})"
        return row.recipient or ("every device of a user" if row.user_id else NOTHING)

    @display(description="Template")
    def shown_template(self, row: Notification) -> SafeString | str:
        version = row.template_version
        if version is None:
            return "none: it came with its own content"
        address = reverse("admin:templates_templateversion_change", args=[version.pk])
        words = f"{row.template_code}, version {version.number} in {version.language}"
        return format_html('<a class="n-link" href="{}">{}</a>', address, words)

    @display(description="Content")
    def message(self, row: Notification) -> SafeString | str:
        return show_message(row)

    @display(description="Why")
    def why(self, row: Notification) -> SafeString | str:
        """Return what the last change means, and the provider's own words."""
        told = explain_event(status=row.status, reason=row.reason, error_code=row.error_code)
        if not row.error:
            return told or NOTHING
        return format_html(
            '{}<br><code class="n-bad">{}</code> {}', told, row.error_code, row.error
        )

    @display(description="Attempts")
    def shown_attempts(self, row: Notification) -> str:
        doubts = f", {row.doubts} in doubt" if row.doubts else ""
        return f"{row.attempts}, {row.retries} of them retries{doubts}"

    @display(description="Variables")
    def shown_variables(self, row: Notification) -> SafeString | str:
        return show_table(row.variables)

    @display(description="Metadata")
    def shown_metadata(self, row: Notification) -> SafeString | str:
        return show_table(row.metadata)

    @display(description="Accepted")
    def shown_created_at(self, row: Notification) -> SafeString | str:
        return show_exact_time(row.created_at)

    @display(description="Due")
    def shown_due_at(self, row: Notification) -> SafeString | str:
        return show_exact_time(row.due_at) if row.status == Status.PENDING else NOTHING

    @display(description="Expires")
    def shown_expires_at(self, row: Notification) -> SafeString | str:
        return show_exact_time(row.expires_at)

    @display(description="Sent")
    def shown_sent_at(self, row: Notification) -> SafeString | str:
        return show_exact_time(row.sent_at)

    @display(description="Finished")
    def shown_finished_at(self, row: Notification) -> SafeString | str:
        return show_exact_time(row.finished_at)

    @display(description="Discarded")
    def shown_discarded_at(self, row: Notification) -> SafeString | str:
        return show_exact_time(row.discarded_at)

    def return_from(self, request: HttpRequest) -> HttpResponse | None:
        """Return to the notification whose page asked for an action, None for the list."""
        if "from_page" not in request.POST:
            return None
        chosen = request.POST.get("_selected_action", "")
        return redirect("admin:notifications_notification_change", chosen)


def _is_settled(row: Notification, *, now: datetime) -> bool:
    """Is there nothing more to be seen soon? Providers often report within seconds."""
    is_fresh = row.sent_at is not None and now - row.sent_at < REPORTS_EXPECTED
    return row.status in FINAL_STATUSES and not (row.status == Status.SENT and is_fresh)


def _with_id(term: str) -> Q:
    try:
        return Q(pk=UUID(term))
    except ValueError:
        return Q()
