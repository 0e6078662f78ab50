"""Pages of a list: `page` and `limit`, and the envelope's meta for them."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from notifier.api.envelope import Meta
from notifier.errors import InvalidRequest

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_PAGE = 1_000_000
Row = TypeVar("Row", bound=Model)


def read_integer(
    request: HttpRequest, name: str, *, default: int, minimum: int, maximum: int
) -> int:
    """Return a whole number of the query string; raise InvalidRequest that names the range."""
    text = request.GET.get(name, str(default))
    if text.isascii() and text.isdigit() and len(text) < 10 and minimum <= int(text) <= maximum:
        return int(text)
    raise InvalidRequest.of_field(name, f"a whole number from {minimum} to {maximum}")


def read_limit(request: HttpRequest) -> int:
    return read_integer(request, "limit", default=DEFAULT_LIMIT, minimum=1, maximum=MAX_LIMIT)


def paginate(request: HttpRequest, rows: QuerySet[Row, Any]) -> tuple[Sequence[Row], Meta]:
    """Return the requested page of an ordered queryset and its meta."""
    limit = read_limit(request)
    page = read_integer(request, "page", default=1, minimum=1, maximum=MAX_PAGE)
    total = rows.count()
    start = (page - 1) * limit
    return list(rows[start : start + limit]), describe_page(total=total, limit=limit, page=page)


def describe_whole(total: int) -> Meta:
    """Return the meta of a list that is always answered whole."""
    return Meta(
        total=total, limit=total, page=1, total_pages=1, has_next=False, has_previous=False
    )


def describe_page(*, total: int, limit: int, page: int) -> Meta:
    total_pages = -(-total // limit)
    return Meta(
        total=total,
        limit=limit,
        page=page,
        total_pages=total_pages,
        has_next=page < total_pages,
        has_previous=page > 1,
    )
