"""The pages of what the worker side keeps: unreadable messages, and captured ones."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.delivery.models import CapturedMessage, DeadMessage
from apps.delivery.services.inbox import find_captured
from notifier.organization_pages import seen_organization
from notifier.shown_values import show_exact_time, show_id, show_table, show_time


class KeptAdmin(ModelAdmin):
    """Read only: these rows say what has happened."""

    ordering = ("-id",)  # newest first, by the primary key's index
    list_before_template = "notifier/admin_hint.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(DeadMessage)
class DeadMessageAdmin(KeptAdmin):
    """For superusers: nobody can tell whose these messages are."""

    hint = (
        "What arrived in failed.queue and is no notification: malformed, foreign or poison."
        " The headers tell who published it."
    )
    begin = "None, as it should be: every message could be read."
    list_display = ("when", "first_queue", "cause", "task", "content_type", "shown_size")
    list_filter = ("first_queue", "cause")
    search_fields = ("task", "body_digest")
    fields = (
        ("shown_at", "shown_size"),
        ("first_queue", "cause"),
        ("task", "content_type"),
        "body_digest",
        "shown_headers",
    )
    readonly_fields = ("shown_at", "shown_size", "shown_headers")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)  # also asked of who has not signed in

    @display(description="Arrived", ordering="arrived_at")
    def when(self, message: DeadMessage) -> SafeString | str:
        return show_time(message.arrived_at)

    @display(description="Arrived")
    def shown_at(self, message: DeadMessage) -> SafeString | str:
        return show_exact_time(message.arrived_at)

    @display(description="Size", ordering="body_size")
    def shown_size(self, message: DeadMessage) -> str:
        return f"{message.body_size:,} bytes"

    @display(description="Headers")
    def shown_headers(self, message: DeadMessage) -> SafeString | str:
        return show_table(message.headers)


@admin.register(CapturedMessage)
class CapturedMessageAdmin(KeptAdmin):
    hint = "What a capture:// provider or a test key kept instead of sending it."
    begin = "None yet: choose Send in the menu with the mode test, or use a test key."
    list_display = ("when", "channel_badge", "shown_recipient", "title", "provider", "story")
    list_filter = ("channel",)
    search_fields = ("notification_id",)
    search_help_text = "Exactly: the id of a notification"
    fields = (
        ("captured_at", "provider"),
        ("shown_recipient", "channel"),
        "title",
        ("in_inbox", "story"),
    )
    readonly_fields = ("shown_recipient", "in_inbox", "story")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CapturedMessage]:
        """Only superusers see what was captured for other organizations."""
        return find_captured(organization_id=seen_organization(request))

    @display(description="Captured", ordering="captured_at")
    def when(self, captured: CapturedMessage) -> SafeString | str:
        return show_time(captured.captured_at)

    @display(description="Channel", ordering="channel", label={"email": "info", "push": "success"})
    def channel_badge(self, captured: CapturedMessage) -> str:
        return captured.channel

    @display(description="Recipient")
    def shown_recipient(self, captured: CapturedMessage) -> str:
        """Return an address, or as much of a device token as tells devices apart."""
        text = captured.recipient
        is_address = captured.channel == "email" or len(text) < 12
        return text if is_address else f"{text[:4]}…{text[-4:]}"

    @display(description="Message")
    def in_inbox(self, captured: CapturedMessage) -> SafeString:
        address = reverse("inbox-message", args=[captured.pk])
        return format_html('<a class="n-link" href="{}">Open in the inbox</a>', address)

    @display(description="Notification")
    def story(self, captured: CapturedMessage) -> SafeString:
        notification = captured.notification_id
        address = reverse("admin:notifications_notification_change", args=[notification])
        shown = show_id(str(notification))
        return format_html('<a class="n-link" href="{}">{}</a>', address, shown)
