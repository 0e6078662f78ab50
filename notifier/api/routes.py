"""Routes that answer with and without the trailing slash (a redirected POST loses its body)."""

from collections.abc import Callable
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

View = Callable[..., HttpResponseBase]


def route(pattern: str, view: Any, name: str) -> list[URLPattern]:
    """Return the patterns of one route: `users/me` and `users/me/`; reverse() gives the first."""
    bare = pattern.strip("/")
    return [path(f"{bare}/", view), path(bare, view, name=name)]
