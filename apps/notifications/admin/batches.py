"""The page of bulk requests: what was asked for and how far it is."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.notifications.admin.ledger import LedgerAdmin
from apps.notifications.models import Batch
from apps.notifications.services.reading import find_batch


@admin.register(Batch)
class BatchAdmin(LedgerAdmin):
    list_display = ("created_at", "channel", "request_id", "accepted", "rejected", "organization")
    list_filter = ("channel", "organization")
    list_select_related = ("organization",)
    search_fields = ("request_id__exact",)
    search_help_text = "Exactly: request_id"
    ordering = ("-id",)
    fields = (
        "id",
        "organization",
        "channel",
        "request_id",
        "created_at",
        "progress",
        "notifications",
        "answer",
    )
    readonly_fields = ("progress", "notifications")

    @display(description="Accepted")
    def accepted(self, batch: Batch) -> int:
        return int(batch.answer.get("accepted", 0))

    @display(description="Rejected")
    def rejected(self, batch: Batch) -> int:
        return len(batch.answer.get("rejected", []))

    @display(description="Progress")
    def progress(self, batch: Batch) -> str:
        _, by_status, _ = find_batch(organization_id=batch.organization_id, batch_id=batch.pk)
        return (
            ", ".join(f"{count} {status}" for status, count in sorted(by_status.items())) or "none"
        )

    @display(description="Notifications")
    def notifications(self, batch: Batch) -> SafeString:
        address = reverse("admin:notifications_notification_changelist")
        return format_html('<a href="{}?batch__id__exact={}">Show them</a>', address, batch.pk)
