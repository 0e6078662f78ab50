"""Access and refresh tokens: what they say and how they are read (JWT, RFC 7519)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from apps.users.models import Session, User
from apps.users.services.key_ring import KeyRing, load_key_ring
from notifier.errors import Unauthenticated

TokenType = TypeVar("TokenType", bound=Token)


class _OurToken(Token):
    def get_token_backend(self) -> KeyRing:
        return load_key_ring()


class _AccessToken(_OurToken):
    token_type = "access"  # noqa: S105  # which kind it is
    lifetime = api_settings.ACCESS_TOKEN_LIFETIME


class _RefreshToken(_OurToken):
    token_type = "refresh"  # noqa: S105  # which kind it is
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What we take from a token: whose it is, of which session, and which one.

    The organization and role that it also names are for the client's eyes: the row decides.
    """

    user_id: UUID
    session_id: UUID
    jti: UUID
    expires_at: datetime


def issue_access_token(*, user: User, session_id: UUID, now: datetime) -> str:
    token = _address(_AccessToken(), user_id=user.pk, session_id=session_id)
    token.set_iat(at_time=now)
    token.set_exp(from_time=now)
    token["org"] = str(user.organization_id)
    token["role"] = user.role
    return str(token)


def issue_refresh_token(*, session: Session, now: datetime) -> str:
    """Return the session's current refresh token; it expires with the session."""
    token = _address(_RefreshToken(), user_id=session.user_id, session_id=session.pk)
    token["jti"] = session.current_jti.hex
    token.set_iat(at_time=now)
    token.set_exp(from_time=session.expires_at, lifetime=timedelta(0))
    return str(token)


def read_access_token(text: str) -> Claims:
    return _read(text, _AccessToken)


def read_refresh_token(text: str) -> Claims:
    return _read(text, _RefreshToken)


def _address(token: TokenType, *, user_id: UUID, session_id: UUID) -> TokenType:
    token["sub"] = str(user_id)
    token["sid"] = str(session_id)
    return token


def _read(text: str, kind: type[Token]) -> Claims:
    """Raise Unauthenticated for anything that is not an unexpired token of ours of this kind."""
    try:
        token = kind(text)  # type: ignore[arg-type]  # the annotation says Token, the code takes text
        return Claims(
            user_id=UUID(token["sub"]),
            session_id=UUID(token["sid"]),
            jti=UUID(token["jti"]),
            expires_at=datetime.fromtimestamp(token["exp"], tz=UTC),
        )
    # A header of nested brackets ends the JSON parser with RecursionError; tokens of another
    # service that shares our key would lack claims.
    except (TokenError, RecursionError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise Unauthenticated("the token is invalid or expired") from error
