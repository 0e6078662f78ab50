"""The route of the audit log: what was changed in the caller's organization, newest first."""

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from notifier.api.envelope import answer
from notifier.api.pages import paginate
from notifier.api.routes import route
from notifier.api.views import LeanView, principal_of
from notifier.audit_entry import AuditEntry
from notifier.authentication import Scope
from notifier.errors import InvalidRequest

_EXACT = {
    "action": "Such as `user.changed` or `template.published`.",
    "actor_kind": "One of user, api_key, operator, command, system, anonymous.",
    "actor_id": "The id of a user or key, or the name of a command.",
    "object_type": "Such as `user`, `api_key`, `template` or `notification`.",
    "object_id": "The id of what was changed; a template's is its code.",
    "correlation_id": "That of the request.",
}
_TIMES = {"created_after": "at__gte", "created_before": "at__lt"}
MAX_FILTER = 320


class AuditEntryAnswer(msgspec.Struct, kw_only=True):
    """One change: who, from where, what.

    `changes` names fields, with `old` and `new` where these are neither personal nor secret.
    """

    id: UUID
    at: datetime
    actor_kind: str
    actor_id: str
    address: str
    correlation_id: str
    action: str
    object_type: str
    object_id: str
    changes: dict[str, Any]


class AuditLogView(LeanView):
    scopes: ClassVar[dict[str, Scope]] = {"GET": "admin"}

    @extend_schema(
        operation_id="list_audit_log",
        summary="Who changed what in the organization, newest first",
        tags=["Audit log"],
        parameters=[
            *(
                OpenApiParameter(name, OpenApiTypes.STR, description=_EXACT[name])
                for name in _EXACT
            ),
            *(OpenApiParameter(name, OpenApiTypes.DATETIME) for name in _TIMES),
            OpenApiParameter("page", OpenApiTypes.INT, description="From 1."),
            OpenApiParameter("limit", OpenApiTypes.INT, description="At most 100, 20 by default."),
        ],
        responses={200: list[AuditEntryAnswer]},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        organization_id = principal_of(request).organization_id
        entries = AuditEntry.objects.in_organization(organization_id)
        page, meta = paginate(request, entries.filter(**_read_filters(request)))
        return answer([_show_entry(entry) for entry in page], meta=meta)


audit_routes = route("audit-log", AuditLogView.as_view(), "audit-log")


def _show_entry(entry: AuditEntry) -> AuditEntryAnswer:
    names = AuditEntryAnswer.__struct_fields__
    return AuditEntryAnswer(**{name: getattr(entry, name) for name in names})


def _read_filters(request: HttpRequest) -> dict[str, object]:
    given = request.GET.dict()
    texts = {name: _read_text(name, given[name]) for name in _EXACT if name in given}
    times = {_TIMES[name]: _read_time(name, given[name]) for name in _TIMES if name in given}
    return {**texts, **times}


def _read_text(name: str, value: str) -> str:
    if "\x00" in value or len(value) > MAX_FILTER:
        raise InvalidRequest.of_field(name, "not a text to search for")
    return value


def _read_time(name: str, value: str) -> datetime:
    """A bare `+` of a time zone arrives as a space."""
    try:
        zoned = Annotated[datetime, msgspec.Meta(tz=True)]
        return msgspec.convert(value.replace(" ", "+"), zoned)
    except msgspec.ValidationError as error:
        raise InvalidRequest.of_field(name, "not an RFC 3339 time with its zone") from error
