"""The admin's page for the audit log."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from notifier.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ModelAdmin):
    """The audit log, to read: nobody adds, changes or deletes here."""

    list_display = (
        "at",
        "action",
        "object_type",
        "object_id",
        "actor_kind",
        "actor_id",
        "address",
        "organization",
    )
    list_filter = ("actor_kind", "object_type", "organization")
    list_select_related = ("organization",)
    search_fields = ("object_id", "actor_id", "correlation_id", "action")
    search_help_text = "Exactly: an id, a correlation id or an action"
    ordering = ("-id",)
    show_full_result_count = False
    fields = (*list_display, "correlation_id", "changes")

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
