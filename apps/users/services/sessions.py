"""Sessions: signing in, rotating refresh tokens, signing out, and who a bearer token is."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.settings import api_settings

from apps.users.models import Session, SessionQuerySet, User
from apps.users.services.credentials import check_credentials
from apps.users.services.tokens import (
    Claims,
    issue_access_token,
    issue_refresh_token,
    read_access_token,
    read_refresh_token,
)
from apps.users.services.trail import record_session_change
from notifier.authentication import ROLE_SCOPES, Principal
from notifier.errors import Unauthenticated

log = structlog.get_logger(__name__)
_OVER = "the session is over; sign in again"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What a client gets for signing in or rotating.

    `expires_in` is the access token's life in seconds.
    """

    user: User
    access_token: str
    refresh_token: str
    expires_in: int


def open_session(*, user: User, now: datetime) -> TokenPair:
    """Sign a user in whose credentials have just been checked.

    The row is checked once more and locked: a password change or deactivation that happened since
    wins, and one that comes later finds this session to revoke.
    """
    unchanged = User.objects.living().filter(pk=user.pk, password=user.password, is_active=True)
    with transaction.atomic():
        if not unchanged.update(last_login=now):
            raise Unauthenticated(_OVER)
        session = Session.objects.create(
            user=user, current_jti=uuid4(), expires_at=now + api_settings.REFRESH_TOKEN_LIFETIME
        )
        _record(session.pk, user, "opened")
    return _issue_pair(user=user, session=session, now=now)


def refresh_session(*, refresh_token: str, now: datetime) -> TokenPair:
    """Trade a refresh token for a new pair; each token works once.

    Used again within ten seconds (a double click, a lost answer) the last one gives the same new
    refresh token. Later, or for an older one, it is in two hands: the whole session ends, whoever
    holds the newest one (RFC 9700, 4.14.2). Raises Unauthenticated.
    """
    claims = read_refresh_token(refresh_token)
    session = _session_of(claims).first()
    if session is None or not session.user.may_sign_in():
        raise Unauthenticated(_OVER)
    user = session.user
    if not _rotate(session, claims, now):
        session = _session_of(claims).just_rotated(old_jti=claims.jti, now=now).first()
        if session is None:
            _end_family(user, claims, now)
            raise Unauthenticated(_OVER)
    return _issue_pair(user=user, session=session, now=now)


def close_session(*, session_id: UUID, now: datetime) -> None:
    """Sign out: the session's access and refresh tokens are refused from here on."""
    sessions = Session.objects.filter(pk=session_id)
    with transaction.atomic():
        if sessions.revoke(now):
            _record(session_id, sessions.select_related("user").get().user, "closed")


def revoke_sessions(*, user_id: UUID, now: datetime) -> int:
    """Sign a user out everywhere and return how many sessions that ended."""
    return Session.objects.filter(user_id=user_id).revoke(now)


def authenticate_bearer(token: str) -> Principal:
    """Return the person that an access token stands for, with the rights of its role now.

    Raises Unauthenticated when the token is bad, its session is over, or the user or the
    organization is inactive.
    """
    claims = read_access_token(token)
    found = _open_sessions_of(claims).values_list("user__organization_id", "user__role").first()
    if found is None:
        raise Unauthenticated(_OVER)
    organization_id, role = found
    return Principal(
        organization_id=organization_id,
        scopes=ROLE_SCOPES[role],
        user_id=claims.user_id,
        session_id=claims.session_id,
    )


def validate_token(*, organization_id: UUID, token: str) -> User | None:
    """Return the organization's user whose valid access token this is, or None."""
    try:
        claims = read_access_token(token)
    except Unauthenticated:
        return None
    session = _open_sessions_of(claims).select_related("user").first()
    return _user_of(organization_id, session.user if session else None)


def validate_credentials(*, organization_id: UUID, email: str, password: str) -> User | None:
    """Return the organization's user that could sign in with these, or None."""
    try:
        user = check_credentials(email=email, password=password)
    except Unauthenticated:
        return None
    return _user_of(organization_id, user)


def _user_of(organization_id: UUID, user: User | None) -> User | None:
    return user if user and user.organization_id == organization_id else None


def _session_of(claims: Claims) -> SessionQuerySet:
    sessions = Session.objects.select_related("user__organization")
    return sessions.filter(pk=claims.session_id, user_id=claims.user_id)


def _open_sessions_of(claims: Claims) -> SessionQuerySet:
    return Session.objects.open_at(timezone.now()).filter(
        pk=claims.session_id,
        user_id=claims.user_id,
        user__is_active=True,
        user__organization__is_active=True,
    )


def _rotate(session: Session, claims: Claims, now: datetime) -> bool:
    session.current_jti = uuid4()
    end = session.created_at + settings.SESSION_MAX_AGE  # however often it is rotated
    session.expires_at = min(now + api_settings.REFRESH_TOKEN_LIFETIME, end)
    return Session.objects.filter(pk=session.pk).rotate(
        old_jti=claims.jti,
        new_jti=session.current_jti,
        now=now,
        expires_at=session.expires_at,
    )


def _end_family(user: User, claims: Claims, now: datetime) -> None:
    with transaction.atomic():
        if not Session.objects.filter(pk=claims.session_id).revoke(now):
            return
        _record(claims.session_id, user, "reuse_detected")
    log.warning("refresh_token_reused", session_id=str(claims.session_id), user_id=str(user.pk))


def _record(session_id: UUID, user: User, verb: str) -> None:
    record_session_change(
        session_id=session_id,
        user_id=user.pk,
        organization_id=user.organization_id,
        verb=verb,
    )


def _issue_pair(*, user: User, session: Session, now: datetime) -> TokenPair:
    return TokenPair(
        user=user,
        access_token=issue_access_token(user=user, session_id=session.pk, now=now),
        refresh_token=issue_refresh_token(session=session, now=now),
        expires_in=int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
    )
