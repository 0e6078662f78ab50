"""Passwords: is one right, is one good enough."""

import structlog
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from apps.users.models import User
from apps.users.services.trail import record_refused_sign_in
from notifier.errors import FieldError, InvalidRequest, Unauthenticated

log = structlog.get_logger(__name__)
MAX_PASSWORD = 1024
# Django runs the hasher against an unusable hash, so that an unknown user takes as long.
_NOBODY = make_password(None)


def check_credentials(*, email: str, password: str) -> User:
    """Return the user that may sign in with these.

    Raises Unauthenticated with one and the same message, after the same work, for an unknown
    address, a wrong password, an account without one and an inactive account.
    """
    user = _find_by_email(email)
    matches = user.check_password(password) if user else check_password(password, _NOBODY)
    if user is None or not matches or not user.may_sign_in():
        _record_refusal(user, matches=matches)
        raise Unauthenticated("wrong e-mail address or password")
    return user


def check_password_quality(password: str, *, user: User, field: str = "password") -> None:
    """Raise InvalidRequest that says what is wrong with a new password (Django's validators)."""
    if len(password) > MAX_PASSWORD:
        raise InvalidRequest.of_field(field, f"at most {MAX_PASSWORD} characters")
    try:
        validate_password(password, user)
    except ValidationError as error:
        faults = [FieldError(field, "weak_password", message) for message in error.messages]
        raise InvalidRequest(f"{field}: {' '.join(error.messages)}", errors=faults) from error


def _record_refusal(user: User | None, *, matches: bool) -> None:
    """The log may know why; whoever tried may not."""
    reason = "inactive" if matches else "wrong_password" if user else "unknown_user"
    log.info("sign_in_refused", user_id=str(user.pk) if user else None)
    record_refused_sign_in(user=user, reason=reason)


def _find_by_email(email: str) -> User | None:
    try:
        return User.objects.living().select_related("organization").with_email(email).first()
    except InvalidRequest:
        return None  # what is no address is nobody's: the same answer as for an unknown one
