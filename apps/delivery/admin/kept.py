"""The pages of what the worker side keeps: unreadable messages, and captured ones."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.delivery.models import CapturedMessage, DeadMessage


class KeptAdmin(ModelAdmin):
    """Read only: these rows say what has happened."""

    ordering = ("-id",)  # newest first, by the primary key's index

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DeadMessage)
class DeadMessageAdmin(KeptAdmin):
    list_display = ("arrived_at", "first_queue", "cause", "task", "content_type", "body_size")
    list_filter = ("first_queue", "cause")
    search_fields = ("task", "body_digest")


@admin.register(CapturedMessage)
class CapturedMessageAdmin(KeptAdmin):
    list_display = ("captured_at", "channel", "provider", "shown_recipient", "title")
    list_filter = ("channel",)
    search_fields = ("title",)
    fields = ("captured_at", "channel", "provider", "shown_recipient", "title", "in_inbox")
    readonly_fields = ("shown_recipient", "in_inbox")

    @display(description="Recipient")
    def shown_recipient(self, captured: CapturedMessage) -> str:
        """Return an address, or as much of a device token as tells devices apart."""
        text = captured.recipient
        is_address = captured.channel == "email" or len(text) < 12
        return text if is_address else f"{text[:4]}…{text[-4:]}"

    @display(description="Message")
    def in_inbox(self, captured: CapturedMessage) -> SafeString:
        address = reverse("inbox-message", args=[captured.pk])
        return format_html('<a href="{}">Open in the inbox</a>', address)
