"""What an admin page needs so that staff of one organization sees nothing of another."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from notifier.models import Organization


def seen_organization(request: HttpRequest) -> UUID | None:
    """Return the organization that the operator is bound to; None for superusers, who see all."""
    user: Any = request.user
    return None if user.is_superuser else user.organization_id


class OrganizationPages:
    """Mix in before ModelAdmin: only superusers see the rows of every organization.

    `organization_path` is where a row names its organization.
    """

    organization_path = "organization"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]  # ModelAdmin's
        own = seen_organization(request)
        return rows if own is None else rows.filter(**{self.organization_path: own})

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Leave out the choice between organizations, and their names, where there is none."""
        filters = super().get_list_filter(request)  # type: ignore[misc]  # ModelAdmin's
        if seen_organization(request) is None:
            return list(filters)
        return [each for each in filters if each != "organization"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)  # type: ignore[misc]  # ModelAdmin's
        if seen_organization(request) is None and Organization.objects.count() > 1:
            return list(columns)
        return [each for each in columns if each != "organization"]

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Refuse ids that are none, which Django passes on to the query."""
        key = queryset.model._meta.pk  # noqa: SLF001  # documented, for all its underscore
        try:
            for each in request.POST.getlist(ACTION_CHECKBOX_NAME):
                key.to_python(each)
        except ValidationError as error:
            messages.error(request, error.messages[0])
            return None  # back to the list
        return super().response_action(request, queryset)  # type: ignore[misc]  # ModelAdmin's

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Offer no other organization in a form: a choice that is not offered is refused."""
        own = seen_organization(request)
        if own is not None and issubclass(db_field.related_model, Organization):
            options |= {"queryset": Organization.objects.filter(pk=own), "initial": own}
        return super().formfield_for_foreignkey(db_field, request, **options)  # type: ignore[misc]  # ModelAdmin's
