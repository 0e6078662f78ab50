"""Errors that a caller can act on, each with the stable code that the API answers.

The mapping to HTTP lives in `notifier.api.envelope` and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with one field; `field` is a dotted path, "" for the whole body."""

    field: str
    code: str
    message: str


class NotifierError(Exception):
    """The root of every error that is somebody else's to mend, never a bug of ours."""

    code = "internal_error"

    def __init__(self, message: str, *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)


class InvalidRequest(NotifierError):
    code = "validation_error"

    @classmethod
    def of_field(cls, field: str, message: str, *, code: str = "invalid") -> "InvalidRequest":
        text = f"{field}: {message}" if field else message
        return cls(text, errors=[FieldError(field, code, message)])


class Unauthenticated(NotifierError):
    code = "unauthenticated"


class PermissionDenied(NotifierError):
    code = "permission_denied"


class NotFound(NotifierError):
    code = "not_found"


class Conflict(NotifierError):
    code = "conflict"


class IdempotencyMismatch(NotifierError):
    code = "idempotency_mismatch"


class PayloadTooLarge(NotifierError):
    code = "payload_too_large"


class UnsupportedMediaType(NotifierError):
    code = "unsupported_media_type"


class Unprocessable(NotifierError):
    code = "unprocessable"


class _RetryLater(NotifierError):
    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(_RetryLater):
    code = "rate_limited"


class Unavailable(_RetryLater):
    code = "unavailable"
