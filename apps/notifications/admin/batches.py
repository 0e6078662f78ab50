"""The pages of bulk requests and uploads: what was asked for, and how far it is."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.notifications.admin.batch_upload import UploadPage
from apps.notifications.admin.ledger import LedgerAdmin
from apps.notifications.models import Batch
from apps.notifications.services.reading import find_batch

MOST_REASONS = 100


@admin.register(Batch)
class BatchAdmin(UploadPage, LedgerAdmin):
    hint = "Bulk requests and uploaded files. Open one to see how far it is."
    begin = "None yet: upload a CSV file, or let a program POST /api/v1/notifications/bulk."
    list_display = (
        "created_at",
        "channel",
        "request_id",
        "accepted",
        "skipped",
        "rejected",
        "organization",
    )
    list_filter = ("channel", "organization")
    list_select_related = ("organization",)
    search_fields = ("request_id__exact",)
    search_help_text = "Exactly: request_id, which is an upload's name"
    ordering = ("-id",)
    fields = (
        "id",
        "organization",
        "channel",
        "request_id",
        "created_at",
        "progress",
        "accepted",
        "skipped",
        "replayed",
        "rejected",
        "reasons",
        "notifications",
    )
    readonly_fields = (
        "progress",
        "accepted",
        "skipped",
        "replayed",
        "rejected",
        "reasons",
        "notifications",
    )
    actions_list = ("upload_view",)

    @display(description="Accepted")
    def accepted(self, batch: Batch) -> int:
        return int(batch.answer.get("accepted", 0))

    @display(description="Skipped")
    def skipped(self, batch: Batch) -> int:
        return int(batch.answer.get("skipped", 0))

    @display(description="Accepted earlier")
    def replayed(self, batch: Batch) -> int:
        return int(batch.answer.get("replayed", 0))

    @display(description="Rejected")
    def rejected(self, batch: Batch) -> int:
        """Uploads keep the first of their rejected rows only, and the number of all."""
        kept = len(batch.answer.get("rejected", []))
        return int(batch.answer.get("rejected_total", kept))

    @display(description="What was rejected")
    def reasons(self, batch: Batch) -> str:
        """By line for an upload, by index for a request."""
        place = "line" if "rows" in batch.answer else "row"
        rejected = batch.answer.get("rejected", [])[:MOST_REASONS]
        told = [f"{place} {each['index']}: {each['message']}" for each in rejected]
        return "\n".join(told) or "nothing"

    @display(description="Progress")
    def progress(self, batch: Batch) -> str:
        _, by_status, finished = find_batch(
            organization_id=batch.organization_id, batch_id=batch.pk
        )
        total = sum(by_status.values())
        if not total:
            return "no notifications"
        counts = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))
        return f"{finished} of {total} finished ({finished * 100 // total} %): {counts}"

    @display(description="Notifications")
    def notifications(self, batch: Batch) -> SafeString:
        address = reverse("admin:notifications_notification_changelist")
        return format_html('<a href="{}?batch__id__exact={}">Show them</a>', address, batch.pk)
