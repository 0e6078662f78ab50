"""The one shape of every answer (spec 3.1), and the one place where errors become HTTP."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.http import HttpResponse

from notifier.correlation import current_correlation_id
from notifier.errors import FieldError, NotifierError

STATUS_OF_CODE = {
    "validation_error": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_mismatch": 422,
    "unprocessable": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "unavailable": 503,
}


class Meta(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a page stands; `total` and `total_pages` are null where counting is too dear."""

    total: int | None
    limit: int
    page: int
    total_pages: int | None
    has_next: bool
    has_previous: bool
    next_cursor: str | None = None


SINGLE = Meta(total=1, limit=1, page=1, total_pages=1, has_next=False, has_previous=False)
NOTHING = Meta(total=0, limit=0, page=0, total_pages=0, has_next=False, has_previous=False)
_encode = msgspec.json.Encoder().encode


def answer(
    data: Any, message: str = "OK", *, status: int = 200, meta: Meta = SINGLE
) -> HttpResponse:
    """Wrap `data` (structs, dicts, lists, None) in the envelope of a success."""
    body = {"success": True, "message": message, "data": data, "meta": meta}
    return HttpResponse(_encode(body), content_type="application/json", status=status)


def failure(code: str, message: str, *, errors: Sequence[FieldError] = ()) -> HttpResponse:
    """Wrap an error in the envelope, with the HTTP status that belongs to its code."""
    data = {"errors": list(errors), "correlation_id": current_correlation_id()}
    body = {"success": False, "message": message, "error": code, "data": data, "meta": NOTHING}
    return HttpResponse(
        _encode(body), content_type="application/json", status=STATUS_OF_CODE[code]
    )


def failure_of(error: NotifierError) -> HttpResponse:
    """Return the answer that belongs to an error, with Retry-After or WWW-Authenticate if due."""
    response = failure(error.code, error.message, errors=error.errors)
    if retry_after := getattr(error, "retry_after", None):
        response["Retry-After"] = str(retry_after)
    if error.code == "unauthenticated":
        response["WWW-Authenticate"] = 'Bearer realm="notifier"'
    return response
