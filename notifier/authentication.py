"""Who is calling, and what may they do: the hooks that the users app fills.

The kernel knows principals and scopes; how a token or key becomes a principal is registered by
the app that stores them (`set_authenticators`, called from its AppConfig).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from notifier.errors import PermissionDenied, Unauthenticated
from notifier.facts import Known, forget_untrue

Scope = Literal["send", "read", "templates", "users", "status", "admin"]
Mode = Literal["live", "test"]
SCOPES: tuple[Scope, ...] = ("send", "read", "templates", "users", "status", "admin")

# A role is a fixed set of scopes. `status` is for machines only: an admin's token cannot report
# deliveries (spec 3.6: "key with scope status").
ROLE_SCOPES: dict[str, frozenset[Scope]] = {
    "member": frozenset(),
    "sender": frozenset({"send", "read"}),
    "admin": frozenset({"send", "read", "templates", "users", "admin"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller: a person (`user_id` set) or a program with an API key."""

    organization_id: UUID
    scopes: frozenset[Scope]
    mode: Mode = "live"
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    session_id: UUID | None = None
    is_authenticated: bool = True  # the attribute that DRF and Django look at

    def can(self, scope: Scope) -> bool:
        return scope in self.scopes

    def is_user(self, user_id: UUID | None) -> bool:
        """Is this the person with that id, acting for itself?"""
        return user_id is not None and self.user_id == user_id

    def require_mode(self, mode: str) -> None:
        """Raise `PermissionDenied` for a test key before what is live: it must never send."""
        if self.mode == "test" and mode != "test":
            raise PermissionDenied("a test key changes nothing that is live")

    def require(self, scope: Scope) -> None:
        """Raise `PermissionDenied` unless the caller has the scope."""
        if not self.can(scope):
            raise PermissionDenied(f"this needs the scope `{scope}`")


class CarriesHeaders(Protocol):
    """As much of a request as authentication looks at."""

    @property
    def headers(self) -> Mapping[str, str]: ...


Kind = Literal["bearer", "api_key"]
KnownCaller = Known[Principal]
_authenticators: dict[Kind, Callable[[str], Principal]] = {}
_recallers: dict[Kind, Callable[[str], KnownCaller | None]] = {}


def set_authenticators(
    *, bearer: Callable[[str], Principal], api_key: Callable[[str], Principal]
) -> None:
    """Register how a token and a key become a principal; each raises Unauthenticated."""
    _authenticators["bearer"], _authenticators["api_key"] = bearer, api_key


def set_recallers(
    *,
    bearer: Callable[[str], KnownCaller | None],
    api_key: Callable[[str], KnownCaller | None],
) -> None:
    """Register how a token and a key become a principal as far as this process remembers."""
    _recallers["bearer"], _recallers["api_key"] = bearer, api_key


def authenticate(request: CarriesHeaders) -> Principal | None:
    """Return the caller, None when no credentials were sent; raise Unauthenticated for bad ones.

    Both kinds at once are refused: it would be unclear whose rights count.
    """
    known = recall_caller(request)
    if known is not None and not forget_untrue([known]):
        return known.value
    kind, secret = _find_credential(request)
    return _authenticators[kind](secret) if secret else None


def recall_caller(request: CarriesHeaders) -> KnownCaller | None:
    """Return who calls, if the fact that it rests on holds: it must be proven before it counts.

    None where only `authenticate` can say; raises Unauthenticated as that does.
    """
    kind, secret = _find_credential(request)
    return _recallers[kind](secret) if secret else None


def _find_credential(request: CarriesHeaders) -> tuple[Kind, str]:
    bearer = request.headers.get("Authorization")
    key = request.headers.get("X-API-Key")
    if bearer and key:
        raise Unauthenticated("send either Authorization or X-API-Key, not both")
    if key:
        return "api_key", key
    return "bearer", _bearer_token(bearer) if bearer else ""


def _bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Authorization must be `Bearer <access token>`")
    return token.strip()
