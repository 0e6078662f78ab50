"""The WSGI handler, with a short way to the busiest routes.

Django's way to a view (its resolver, the middleware of pages, signals) costs more than to accept
a notification does.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.module_loading import import_string

_KEPT = "notifier.request"


_name_in_environment = lru_cache(maxsize=100)(HttpHeaders.to_wsgi_name)


class _Headers(HttpHeaders):
    """Django's headers, but for reading one: that needs no look through the whole environment."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    @cached_property
    def _store(self) -> Any:  # type: ignore[override]  # the parent's is an attribute
        return HttpHeaders(self._environ)._store  # noqa: SLF001  # the parent's

    def __getitem__(self, name: str) -> str:
        value: str = self._environ[_name_in_environment(name)]
        return value


class _Request(WSGIRequest):
    @cached_property
    def headers(self) -> HttpHeaders:
        return _Headers(self.META)


class _NotQuick(Exception):
    """Only the ordinary way can answer."""


class ShortWay:
    """Answers QUICK_POSTS and QUICK_READS through MIDDLEWARE_OF_ALL, as far as views can do it."""

    def __init__(self) -> None:
        self._answer: Callable[[HttpRequest], HttpResponse] = _answer_by_view
        for name in reversed(settings.MIDDLEWARE_OF_ALL):
            self._answer = import_string(name)(self._answer)

    @cached_property
    def _routes(self) -> dict[str, ResolverMatch]:
        return {path: resolve(path) for path in settings.QUICK_POSTS}

    def _find_route(self, request: HttpRequest) -> ResolverMatch | None:
        if request.method == "POST":
            return self._routes.get(request.path_info)
        if request.method == "GET" and request.path_info.startswith(settings.QUICK_READS):
            with suppress(Resolver404):
                route = resolve(request.path_info)
                return route if hasattr(_view_of(route), "dispatch_quickly") else None
        return None

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        """Return the answer; None leaves the request, unchanged but for its read body."""
        route = self._find_route(request)
        if route is not None:
            request.resolver_match = route
            with suppress(_NotQuick):
                return self._answer(request)
        return None


def _view_of(route: Any) -> Any:
    return getattr(route.func, "view_class", None)


def _answer_by_view(request: HttpRequest) -> HttpResponse:
    route: Any = request.resolver_match
    view: Any = _view_of(route)()
    response: HttpResponse | None = view.dispatch_quickly(request, **route.kwargs)
    if response is None:
        raise _NotQuick
    return response


def _take_request(environ: dict[str, Any]) -> WSGIRequest:
    request: WSGIRequest = environ.pop(_KEPT)
    return request


class QuickHandler(WSGIHandler):
    """Django's handler, which is asked for what the short way does not answer."""

    # It goes on with the request that the short way has looked at: its body can be read once.
    request_class: Any = staticmethod(_take_request)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._short_way = ShortWay()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        request = _Request(environ)
        response = self._short_way.answer(request)
        if response is None:
            environ[_KEPT] = request
            return super().__call__(environ, start_response)
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        return [response.content]
