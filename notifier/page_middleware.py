"""Middleware that only pages need: the API has no sessions, messages or forms.

Each takes the place of the one that it is made of, and costs a request of the API nothing.
"""

from typing import Any, Final

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse

from notifier.sign_in_guard import SignInGuardMiddleware

API: Final = "/api/v1/"


class _PagesOnly:
    """What is below /api/v1 goes straight on to the next one."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(API):
            response: HttpResponse = self.get_response(request)
            return response
        answered: HttpResponse = super().__call__(request)  # type: ignore[misc]  # the middleware's
        return answered


class PageSessionMiddleware(_PagesOnly, SessionMiddleware):
    """The cookie's session."""


class PageUserMiddleware(_PagesOnly, AuthenticationMiddleware):
    """Who has signed in to the admin. Callers of the API are found by its views."""


class PageMessageMiddleware(_PagesOnly, MessageMiddleware):
    """What the next page tells."""


class PageSignInMiddleware(_PagesOnly, SignInGuardMiddleware):
    """The limit of attempts at the admin's passwords."""
