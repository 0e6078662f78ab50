"""Every exception that can leave a view or the URL resolver, as an envelope."""

from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf

from notifier import errors
from notifier.api.envelope import failure, failure_of
from notifier.faults import DATABASE_AWAY

log = structlog.get_logger(__name__)
DATABASE_RETRY_AFTER = 5


def answer_exception(error: BaseException) -> HttpResponse:
    """Return the answer for any exception; what is not known is a bug: logged, and a bare 500."""
    if isinstance(error, errors.NotifierError):
        return failure_of(error)
    if isinstance(error, DATABASE_AWAY):
        log.error("database_unavailable", error=type(error).__name__)
        return failure_of(
            errors.Unavailable("the database is away", retry_after=DATABASE_RETRY_AFTER)
        )
    if isinstance(error, RequestDataTooBig):
        return failure("payload_too_large", "the body is too large")
    if isinstance(error, Http404):
        return failure("not_found", "no such resource")
    return _answer_framework_error(error)


def _answer_framework_error(error: BaseException) -> HttpResponse:
    if isinstance(error, drf.MethodNotAllowed):
        return failure("method_not_allowed", str(error.detail))
    if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
        return failure_of(errors.Unauthenticated(str(error.detail)))
    if isinstance(error, drf.PermissionDenied):
        return failure("permission_denied", str(error.detail))
    if isinstance(error, SuspiciousOperation | drf.ParseError):
        return failure("validation_error", "the request is malformed")
    log.error("unexpected_error", exc_info=error)
    return failure("internal_error", "an error of ours; it has been recorded")


def handle_drf_exception(error: Exception, _context: dict[str, Any]) -> HttpResponse:
    """DRF's EXCEPTION_HANDLER."""
    return answer_exception(error)


def handle_400(_request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer_exception(exception)


def handle_403(_request: HttpRequest, exception: Exception) -> HttpResponse:
    return failure("permission_denied", "not allowed")


def handle_404(_request: HttpRequest, exception: Exception) -> HttpResponse:
    return failure("not_found", "no such resource")


def handle_500(_request: HttpRequest) -> HttpResponse:
    return failure("internal_error", "an error of ours; it has been recorded")
