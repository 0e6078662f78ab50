"""The page that sends to the rows of a CSV file: check it, then have it accepted."""

from itertools import islice
from typing import Any, BinaryIO, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.decorators import action

from apps.notifications.admin.batch_upload_form import UploadForm
from apps.notifications.admin.ledger import log_intervention
from apps.notifications.models import Batch
from apps.notifications.services.csv_reading import CsvFile, inspect_csv, read_rows
from apps.notifications.services.csv_upload import (
    Rejection,
    Upload,
    check_rows,
    open_batch,
    send_rows,
)
from apps.users.models import Role
from notifier.authentication import Principal
from notifier.errors import NotifierError

MOST_ROWS = 100_000  # accepted while the browser waits: about ten seconds
SHOWN_ROWS = 10
SHOWN_REJECTIONS = 20


class UploadPage:
    """Mix in before ModelAdmin: needs the permission to add batches and the right to send."""

    def has_upload_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        may_send = user.is_superuser or user.role in (Role.SENDER, Role.ADMIN)
        return bool(may_send and user.has_perm("notifications.add_batch"))

    @action(description="Upload a CSV file", url_path="upload", permissions=["upload"])
    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Show what is wrong with a file, or send to its rows; twice sends nothing twice."""
        if not self.has_upload_permission(request):
            raise PermissionDenied
        form = UploadForm(request)
        if request.method != "POST" or not form.is_valid():
            return self._show_upload(request, form)
        try:
            return self._carry_out(request, form)
        except NotifierError as error:
            form.add_error(None, error.message)
            return self._show_upload(request, form)

    def _carry_out(self, request: HttpRequest, form: UploadForm) -> HttpResponse:
        file: BinaryIO = form.cleaned_data["file"].file
        csv = inspect_csv(file, most_rows=MOST_ROWS)
        upload, principal = form.describe_upload(csv), _speak_for(request, form)
        if "accept" not in request.POST:
            check = _check(file, csv, upload, principal)
            return self._show_upload(request, form, check=check)
        for _ in islice(check_rows(file, csv=csv, upload=upload, principal=principal), 1):
            pass  # a template that is none, or another channel's: before there is a batch
        batch = open_batch(upload=upload, csv=csv, principal=principal)
        log_intervention(request, [batch], message="Uploaded a CSV file")
        for _ in send_rows(file, csv=csv, upload=upload, batch=batch, principal=principal):
            pass
        batch.refresh_from_db()
        _tell(request, batch)
        return redirect("admin:notifications_batch_change", batch.pk)

    def _show_upload(self, request: HttpRequest, form: forms.Form, **more: Any) -> HttpResponse:
        pages: Any = self
        context = {
            **pages.admin_site.each_context(request),
            "title": "Upload a CSV file",
            "form": form,
            "most_rows": MOST_ROWS,
            **more,
        }
        return TemplateResponse(request, "notifications/admin_upload.html", context)


def _speak_for(request: HttpRequest, form: UploadForm) -> Principal:
    return Principal(
        organization_id=form.cleaned_data["template"].organization_id,
        scopes=frozenset({"send"}),
        user_id=cast("Any", request.user).pk,
    )


def _check(file: BinaryIO, csv: CsvFile, upload: Upload, principal: Principal) -> dict[str, Any]:
    accepted = skipped = rejected = 0
    shown: list[Rejection] = []
    for chunk in check_rows(file, csv=csv, upload=upload, principal=principal):
        accepted += chunk.stored.accepted
        skipped += chunk.stored.skipped
        rejected += len(chunk.rejected)
        shown += chunk.rejected[: SHOWN_REJECTIONS - len(shown)]
    first = islice(read_rows(file, names=csv.names, delimiter=csv.delimiter), SHOWN_ROWS)
    return {
        "file": csv,
        "name": upload.name,
        "first": list(first),
        "accepted": accepted,
        "skipped": skipped,
        "rejected": rejected,
        "shown": shown,
    }


def _tell(request: HttpRequest, batch: Batch) -> None:
    answer = batch.answer
    told = (
        f"{answer['accepted']} accepted, {answer['skipped']} skipped,"
        f" {answer['rejected_total']} rejected"
    )
    if answer["replayed"]:
        told += f"; {answer['replayed']} had been accepted earlier"
    level = messages.WARNING if answer["rejected_total"] else messages.SUCCESS
    messages.add_message(request, level, told)
