"""Who a credential stood for when this process saw it last, with the proof that it still does.

Times that only pass are looked at here at each use; all else is for the statement that proves.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from apps.users.models import digest_secret
from apps.users.models.api_keys import USE_IS_NOTED_EVERY
from apps.users.services.api_keys import authenticate_key
from apps.users.services.tokens import read_access_token
from notifier.authentication import ROLE_SCOPES, KnownCaller, Mode, Principal, Scope
from notifier.facts import Fact, Known, Memory, Question, can_prove

MOST_CALLERS = 10_000

_OPEN_SESSION = Question(
    columns={"u.organization_id": "uuid", "u.role": "text", "s.expires_at": "timestamptz"},
    source=(
        "users_session AS s JOIN users_user AS u ON u.id = s.user_id"
        " JOIN notifier_organization AS o ON o.id = u.organization_id"
        " WHERE s.id = %s::uuid AND u.id = %s::uuid"
        " AND s.revoked_at IS NULL AND u.is_active AND o.is_active"
    ),
)
_USABLE_KEY = Question(
    columns={
        "k.organization_id": "uuid",
        "k.scopes::text": "text",
        "k.mode": "text",
        "k.expires_at": "timestamptz",
        "k.digest": "text",
        "k.previous_digest": "text",
        "k.previous_valid_until": "timestamptz",
    },
    source=(
        "users_apikey AS k JOIN notifier_organization AS o ON o.id = k.organization_id"
        " WHERE k.id = %s::uuid AND k.revoked_at IS NULL AND o.is_active"
    ),
)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A caller, and when to look at its credential anew."""

    caller: KnownCaller
    until: datetime


_callers: Memory[_Remembered] = Memory("credential", most=MOST_CALLERS)


def recall_bearer(token: str) -> KnownCaller | None:
    """Return whom an access token stands for, not proven yet; None for no open session.

    Raises Unauthenticated for a bad token.
    """
    key = _name_bearer(token)
    return _recall(key) or _learn_bearer(token, key) if can_prove() else None


def recall_key(secret: str) -> KnownCaller | None:
    """Return which program a key stands for, not proven yet.

    Raises Unauthenticated for an unknown, revoked or expired one.
    """
    key = digest_secret(secret)
    return _recall(key) or _learn_key(secret, key) if can_prove() else None


def _name_bearer(token: str) -> str:
    """Another name when other keys may sign: then signatures are checked again."""
    return digest_secret("\n".join([token, *settings.JWT_SIGNING_KEYS]))


def _recall(key: str) -> KnownCaller | None:
    known = _callers.recall(key)
    return known.caller if known and timezone.now() < known.until else None


def _learn_bearer(token: str, key: str) -> KnownCaller | None:
    claims = read_access_token(token)
    fact = _OPEN_SESSION.ask(claims.session_id, claims.user_id)
    if fact is None:
        return None
    organization_id, role, session_ends_at = fact.values
    principal = Principal(
        organization_id=organization_id,
        scopes=ROLE_SCOPES[role],
        user_id=claims.user_id,
        session_id=claims.session_id,
    )
    return _keep(key, principal, fact, until=min(claims.expires_at, session_ends_at))


def _learn_key(secret: str, key: str) -> KnownCaller | None:
    """Learnt anew as often as its use is noted, which `authenticate_key` does."""
    now = timezone.now()
    key_id = cast("UUID", authenticate_key(secret).api_key_id)
    fact = _USABLE_KEY.ask(key_id)
    if fact is None:
        return None
    organization_id, scopes, mode, expires_at, digest, replaced, replaced_until = fact.values
    if key not in (digest, replaced):  # rotated since
        return None
    ends = [now + USE_IS_NOTED_EVERY, expires_at, replaced_until if key != digest else None]
    principal = Principal(
        organization_id=organization_id,
        scopes=frozenset(cast("list[Scope]", json.loads(scopes))),
        mode=cast("Mode", mode),
        api_key_id=key_id,
    )
    return _keep(key, principal, fact, until=min(end for end in ends if end is not None))


def _keep(key: str, principal: Principal, fact: Fact, *, until: datetime) -> KnownCaller | None:
    caller = Known(value=principal, fact=fact, forget=lambda: _callers.forget(key))
    if timezone.now() >= until:
        return None
    _callers.keep(key, _Remembered(caller, until))
    return caller
