"""The page that sends one notification by hand, through the same accept as the API."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.notifications.admin.ledger import log_intervention
from apps.notifications.admin.sending_form import SendForm
from apps.notifications.models import Notification
from apps.notifications.services.accepting import accept_notification
from apps.templates.models import Template, TemplateVersion
from apps.templates.services import find_published
from notifier.authentication import Mode, Principal
from notifier.errors import NotFound, NotifierError
from notifier.organization_pages import seen_organization

MOST_OFFERED = 500


class SendingPage:
    """Mix in before ModelAdmin: needs the permission to add notifications."""

    def send_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a template, fill in its variables, and have it accepted."""
        if not request.user.has_perm("notifications.add_notification"):
            raise PermissionDenied
        version = _find_chosen(request)
        if version is None:
            return self._show_sending(request, offered=_find_offered(request)[:MOST_OFFERED])
        form = SendForm(request.POST or None, version=version)
        if request.method == "POST" and form.is_valid():
            row = _accept(request, form, version)
            if row is not None:
                return redirect("admin:notifications_notification_change", row.pk)
        return self._show_sending(request, form=form, version=version)

    def _show_sending(self, request: HttpRequest, **context: Any) -> HttpResponse:
        pages: Any = self
        shown = {
            **pages.admin_site.each_context(request),
            "title": "Send a notification",
            **context,
        }
        return TemplateResponse(request, "notifications/admin_send.html", shown)


def _accept(request: HttpRequest, form: SendForm, version: TemplateVersion) -> Notification | None:
    """Return what was accepted; None, with the reason on the form, for what was refused."""
    mode = cast("Mode", form.cleaned_data["mode"])
    principal = Principal(
        organization_id=version.template.organization_id,
        scopes=frozenset({"send", "read", "users"}),
        mode=mode,
        user_id=request.user.pk,
    )
    try:
        accepted = accept_notification(order=form.build_order(principal), principal=principal)
    except NotifierError as error:
        form.show_refusal(error)
        return None
    row = Notification.objects.get(pk=accepted.notification_id)
    log_intervention(request, [row], message="Sent by hand")
    messages.success(request, "Accepted: what becomes of it shows below")
    return row


def _find_offered(request: HttpRequest) -> QuerySet[Template]:
    own = seen_organization(request)
    templates = Template.objects.filter(deleted_at=None, versions__is_published=True).distinct()
    if own is not None:
        templates = templates.filter(organization=own)
    return templates.select_related("organization").order_by("code")


def _find_chosen(request: HttpRequest) -> TemplateVersion | None:
    """Return the template's live version in its default language; None before the choice."""
    text = request.GET.get("template", "")
    if not text:
        return None
    try:
        chosen = _find_offered(request).filter(pk=UUID(text)).first()
    except ValueError as error:
        raise Http404("no such template") from error
    if chosen is None:
        raise Http404("no such template")
    try:
        return find_published(organization_id=chosen.organization_id, code=chosen.code)
    except NotFound as error:
        raise Http404(error.message) from error
