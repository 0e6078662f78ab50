"""The inbox page: captured mails and pushes as they arrive, without any sending."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from apps.delivery.models import CapturedMessage
from apps.delivery.providers.contract import ProviderError
from apps.delivery.services.inbox import (
    clear_captured,
    find_captured,
    list_arrived,
    list_captured,
    read_headers,
    restore_email,
    restore_push,
    write_source,
)
from notifier.api.documentation import are_docs_public
from notifier.configuration import DEVELOPMENT
from notifier.organization_pages import seen_organization

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " frame-src 'self'; img-src 'self' https: data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
# A mail is anybody's HTML: no scripts, no forms, no origin. Its links open in a tab of their own.
MAIL_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = (
    f"sandbox {MAIL_SANDBOX}; default-src 'none'; style-src 'unsafe-inline';"
    " img-src https: data:; font-src https: data:; frame-ancestors 'self'"
)
_HEAD = re.compile(r"<(head|html|!doctype)(\s[^>]*)?>", re.IGNORECASE)
View = Callable[..., HttpResponseBase]


def open_home(request: HttpRequest) -> HttpResponse:
    """`/`: to what is worth seeing first."""
    if settings.NOTIFIER_ENV == DEVELOPMENT:
        return redirect("inbox")
    return redirect("docs" if are_docs_public() else "admin:index")


def _is_open() -> bool:
    return bool(settings.NOTIFIER_ENV == DEVELOPMENT)


def _find_visible(request: HttpRequest) -> QuerySet[CapturedMessage]:
    return find_captured(organization_id=None if _is_open() else seen_organization(request))


def _may_clear(request: HttpRequest) -> bool:
    """Clearing takes everybody's messages."""
    return _is_open() or seen_organization(request) is None


def _for_operators(view: View) -> View:
    """Open to everybody in development; elsewhere to staff that may see captured messages."""

    def permitted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm("delivery.view_capturedmessage"):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    for_staff = staff_member_required(permitted, login_url="admin:login")

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # By another name (DNS rebinding) a page of somebody else would read what is open here.
        request.get_host()
        response = (view if _is_open() else for_staff)(request, *args, **kwargs)
        response.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.setdefault("Cache-Control", "no-store")
        return response

    return guarded


@_for_operators
@require_safe
@ensure_csrf_cookie
def show_inbox(request: HttpRequest) -> HttpResponse:
    return _render_page(request, selected=None)


@_for_operators
@require_safe
@ensure_csrf_cookie
def show_message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Show one message: beside the list, or alone (`?part=detail`) for the page's script."""
    captured = get_object_or_404(_find_visible(request), pk=message_id)
    if request.GET.get("part") == "detail":
        return render(request, "delivery/_message.html", _describe_message(captured))
    return _render_page(request, selected=captured)


@_for_operators
@require_safe
def show_arrivals(request: HttpRequest) -> HttpResponse:
    """Return the rows that arrived after `?after=<id>`, as the list shows them."""
    rows = list_arrived(_find_visible(request), after=_read_id(request, "after"))
    return render(request, "delivery/_rows.html", {"rows": rows})


@_for_operators
@require_safe
def show_mail_html(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Return a mail's HTML, for a sandboxed frame and harmless outside one."""
    captured = get_object_or_404(_find_visible(request), pk=message_id, channel="email")
    response = HttpResponse(_open_links_in_tabs(restore_email(captured).html))
    response["Content-Security-Policy"] = MAIL_POLICY
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Referrer-Policy"] = "no-referrer"
    return response


@_for_operators
@require_POST
def clear_inbox(request: HttpRequest) -> HttpResponse:
    if not _may_clear(request):
        raise PermissionDenied
    clear_captured()
    return redirect("inbox")


def _render_page(request: HttpRequest, *, selected: CapturedMessage | None) -> HttpResponse:
    before = _read_id(request, "before")
    rows, has_older = list_captured(_find_visible(request), before=before)
    context = {
        "rows": rows,
        "oldest": rows[-1] if has_older else None,
        "is_live": before is None,
        "may_clear": _may_clear(request),
        "selected": selected,
        "api": request.build_absolute_uri("/api/v1/notifications"),
    }
    if selected is not None:
        context |= _describe_message(selected)
    return render(request, "delivery/inbox.html", context)


def _describe_message(captured: CapturedMessage) -> dict[str, Any]:
    described: dict[str, Any] = {"captured": captured, "sandbox": MAIL_SANDBOX}
    if captured.channel != "email":
        return described | {"push": restore_push(captured)}
    described["email"] = restore_email(captured)
    try:
        described["source"] = write_source(captured)
        described["headers"] = read_headers(described["source"])
    except ProviderError as error:
        described["refusal"] = error.message  # what a real provider would have said
    return described


def _read_id(request: HttpRequest, name: str) -> UUID | None:
    text = request.GET.get(name)
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Http404("no such message") from error


def _open_links_in_tabs(html: str) -> str:
    """Put a `<base target>` where it changes nothing else: before a doctype it would."""
    starts = list(_HEAD.finditer(html, 0, 2000))
    place = max((match.end() for match in starts), default=0)
    return f'{html[:place]}<base target="_blank">{html[place:]}'
