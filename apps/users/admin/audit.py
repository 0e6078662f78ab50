"""The admin's page for the audit log."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from notifier.models import AuditEntry
from notifier.organization_pages import OrganizationPages
from notifier.shown_values import NOTHING, show_exact_time, show_id, show_time

_PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
ACTOR_BADGES = {"operator": "primary", "user": "info", "api_key": "success", "command": "warning"}


class WhenFilter(admin.SimpleListFilter):
    title = "time"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("day", "in the last 24 hours"),
            ("week", "in the last 7 days"),
            ("month", "in the last 30 days"),
        ]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        period = _PERIODS.get(self.value() or "")
        return queryset.filter(at__gte=timezone.now() - period) if period else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(OrganizationPages, ModelAdmin):
    """The audit log, to read: nobody adds, changes or deletes here."""

    hint = "Who changed what, when and from where. Nobody can change or remove an entry."
    begin = "Nothing yet: what people and programs change will stand here."
    list_before_template = "notifier/admin_hint.html"
    list_display = (
        "when",
        "action",
        "shown_object",
        "actor_badge",
        "shown_actor",
        "address",
        "organization",
    )
    list_filter = (WhenFilter, "actor_kind", "object_type", "organization")
    list_select_related = ("organization",)
    search_fields = ("object_id", "actor_id", "correlation_id", "action")
    search_help_text = "Exactly: an id, a correlation id or an action"
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        ("shown_at", "action"),
        ("object_type", "object_id"),
        ("actor_kind", "actor_id"),
        ("address", "correlation_id"),
        "organization",
        "shown_changes",
    )
    readonly_fields = ("shown_at", "shown_changes")

    @display(description="When", ordering="at")
    def when(self, entry: AuditEntry) -> SafeString | str:
        return show_time(entry.at)

    @display(description="At")
    def shown_at(self, entry: AuditEntry) -> SafeString | str:
        return show_exact_time(entry.at)

    @display(description="What", ordering="object_type")
    def shown_object(self, entry: AuditEntry) -> SafeString | str:
        return format_html("{} {}", entry.object_type, show_id(entry.object_id))

    @display(description="By", ordering="actor_kind", label=ACTOR_BADGES)
    def actor_badge(self, entry: AuditEntry) -> str:
        return entry.actor_kind

    @display(description="Who")
    def shown_actor(self, entry: AuditEntry) -> SafeString | str:
        return show_id(entry.actor_id)

    @display(description="Changes")
    def shown_changes(self, entry: AuditEntry) -> SafeString | str:
        """Return old and new values; of private fields the log holds only the name."""
        if not entry.changes:
            return NOTHING
        rows = [
            (name, values.get("old", NOTHING), values.get("new", "not shown"))
            for name, values in entry.changes.items()
        ]
        return format_html(
            '<table class="n-facts"><tr><th>Field</th><th>Before</th><th>After</th></tr>{}'
            "</table>",
            format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[AuditEntry], search_term: str
    ) -> tuple[models.QuerySet[AuditEntry], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        matches = models.Q(action=term)
        for name in ("object_id", "actor_id", "correlation_id"):
            matches |= models.Q(**{name: term})
        return queryset.filter(matches), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
