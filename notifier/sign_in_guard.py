"""The admin's pages that ask for a password, under the API's limit of failed attempts."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from notifier.api.limits import limit_attempts, write_limit_fields
from notifier.errors import RateLimited, Unauthenticated

GUARDED: Final = frozenset({"admin:login", "admin:password_change"})
_REDIRECT: Final = 302  # a page leads on when the password was right, and shows itself when not


class SignInGuardMiddleware:
    """Counts wrong passwords on these pages, by address and by account; then 429."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        if request.method != "POST" or match is None or match.view_name not in GUARDED:
            return None
        return _sign_in(request, lambda: view(request, *args, **kwargs))


def _sign_in(request: HttpRequest, show: Callable[[], HttpResponse]) -> HttpResponse:
    shown: list[HttpResponse] = []
    try:
        with limit_attempts(request, account=_account_of(request)):
            shown.append(show())
            _require_success(shown[0])
    except Unauthenticated:
        return shown[0]
    except RateLimited as error:
        response = _refuse(error)
        write_limit_fields(request, response)
        return response
    return shown[0]


def _account_of(request: HttpRequest) -> str:
    """Whose password it is: the signed-in person's, or whose the form says."""
    user = request.user
    return user.get_username() if user.is_authenticated else request.POST.get("username", "")


def _require_success(response: HttpResponse) -> None:
    if response.status_code != _REDIRECT:
        raise Unauthenticated("the page shows itself again")


def _refuse(error: RateLimited) -> HttpResponse:
    minutes = -(-error.retry_after // 60)
    text = f"Too many failed attempts. Try again in {minutes} minutes.\n"
    response = HttpResponse(text, content_type="text/plain; charset=utf-8", status=429)
    response["Retry-After"] = str(error.retry_after)
    return response
