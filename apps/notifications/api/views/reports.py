"""The status callback of external workers (key with scope `status`)."""

import hashlib
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view

from apps.notifications.api.serializers import ReportAccepted, StatusReport
from apps.notifications.services.orders import as_utc
from apps.notifications.services.receipts import ReportedEvent, find_reported, store_receipts
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.views import LeanView, principal_of
from notifier.authentication import Scope
from notifier.errors import NotFound


class StatusReportView(LeanView):
    """Stored at once, applied through the status queue: hence 202."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": "status"}
    channel: str | None = None

    @extend_schema(
        operation_id="report_status",
        summary="Report what became of a notification",
        tags=["Status callback"],
        request=StatusReport,
        responses={202: ReportAccepted, 404: None},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        report = read_body(request, StatusReport)
        occurred_at = as_utc(report.timestamp, field="timestamp")
        principal = principal_of(request)
        found = find_reported(reference=report.notification_id, principal=principal)
        principal.require_mode(found.mode)
        if self.channel is not None and found.channel != self.channel:
            raise NotFound("no such notification")
        moment = occurred_at.isoformat() if occurred_at else ""
        once = f"{found.pk}|{report.status}|{moment}|{report.error or ''}"
        event = ReportedEvent(
            notification_id=found.pk,
            source="callback",
            event_id=hashlib.sha256(once.encode()).hexdigest(),
            kind=report.status,
            occurred_at=occurred_at,
            error=report.error or "",
        )
        store_receipts(events=[event])
        return answer(ReportAccepted(notification_id=found.pk), "Report accepted", status=202)


def view_of_reports(*, operation_id: str, channel: str | None = None) -> Any:
    """Return the callback's view for one of its routes; `channel` is in some of their paths."""
    named = extend_schema_view(post=extend_schema(operation_id=operation_id))
    view: Any = named(type("StatusReportRoute", (StatusReportView,), {"channel": channel}))
    return view.as_view()
