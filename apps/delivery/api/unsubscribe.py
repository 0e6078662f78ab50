"""`/unsubscribe/{token}`: where the List-Unsubscribe header of a marketing mail leads.

Mail clients POST without asking (RFC 8058): no login, cookie, CSRF token or redirect may stand in
their way. Link scanners GET everything: a GET changes nothing.
"""

from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.delivery.api.pages import PAGE_POLICY
from apps.notifications.services.unsubscribing import (
    Unsubscription,
    find_sender,
    read_unsubscription,
    unsubscribe,
)
from notifier.api.errors import DATABASE_RETRY_AFTER
from notifier.errors import NotFound, Unavailable
from notifier.faults import DATABASE_AWAY
from notifier.models import Organization

log = structlog.get_logger(__name__)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def show_unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask (GET), or unsubscribe at once and say so (POST); 404 for a token that is not ours.

    503 while the database is away, or the key is missing that opens tokens.
    """
    try:
        return _answer_wish(request, token)
    except NotFound:
        return _show(request, {"state": "unknown"}, status=404)
    except DATABASE_AWAY as error:
        log.warning("database_unavailable", error=type(error).__name__)
        return _ask_to_return(request, after=DATABASE_RETRY_AFTER)
    except Unavailable as error:
        # No key opens the one that tokens are sealed with: for operators to mend, not for readers.
        log.error("value_undecryptable", error=error.message)  # noqa: TRY400  # the message says all
        return _ask_to_return(request, after=error.retry_after)


def _ask_to_return(request: HttpRequest, *, after: int) -> HttpResponse:
    page = _show(request, {"state": "later"}, status=503)
    page["Retry-After"] = str(after)
    # Django would log the path of any 5xx, and the token in it opens this page.
    page._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return page


def _answer_wish(request: HttpRequest, token: str) -> HttpResponse:
    wish = read_unsubscription(token)
    sender = find_sender(wish)
    if request.method != "POST":
        return _show(request, _describe_wish(wish, sender, state="asking"))
    unsubscribe(wish)
    return _show(request, _describe_wish(wish, sender, state="done"))


def _describe_wish(wish: Unsubscription, sender: Organization, *, state: str) -> dict[str, Any]:
    return {"state": state, "address": wish.address, "sender": sender.name}


def _show(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    page = render(request, "delivery/unsubscribe.html", context, status=status)
    page["Content-Security-Policy"] = PAGE_POLICY
    page["Cache-Control"] = "no-store"
    page["Referrer-Policy"] = "no-referrer"  # the address of this page is the reader's key
    page["X-Robots-Tag"] = "noindex"
    return page
