"""What an admin page needs so that its changes stand in the audit log."""

from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from notifier.audit import describe_changes, describe_new, record_change_of_each


class RecordedPages:
    """Mix in before ModelAdmin: saving and deleting are recorded, in the admin's transaction.

    `shown_fields` are those whose values may be shown; of others only the name is recorded.
    """

    shown_fields: ClassVar[Collection[str]] = frozenset()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc]  # ModelAdmin's
        if not change:
            begun = {name: getattr(obj, name) for name in self.shown_fields}
            _record([obj], "created", describe_new(**begun))
        elif changes := _read_changes(form, self.shown_fields):
            _record([obj], "changed", changes)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _record([obj], "deleted")
        super().delete_model(request, obj)  # type: ignore[misc]  # ModelAdmin's

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        _record(list(queryset), "deleted")
        super().delete_queryset(request, queryset)  # type: ignore[misc]  # ModelAdmin's


def _read_changes(form: Any, shown: Collection[str]) -> dict[str, dict[str, Any]]:
    """Many-to-many values are rows, which no log can hold: such a field is only named."""
    changed = form.changed_data
    before = {name: form.initial.get(name) for name in changed}
    after = {name: form.cleaned_data.get(name) for name in changed}
    return describe_changes(before, after, shown=shown)


def _record(
    objects: list[Any], verb: str, changes: dict[str, dict[str, Any]] | None = None
) -> None:
    if not objects:
        return
    kind = objects[0]._meta.model_name  # noqa: SLF001  # documented, for all its underscore
    record_change_of_each(
        action=f"{kind}.{verb}",
        object_type=kind,
        objects=[(each.pk, _organization_of(each)) for each in objects],
        changes=changes,
    )


def _organization_of(row: Model) -> UUID | None:
    own = row.pk if row._meta.label == "notifier.Organization" else None  # noqa: SLF001
    found: UUID | None = getattr(row, "organization_id", own)
    return found
