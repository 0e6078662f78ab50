"""Rate limits of the API: whose quota a request counts against, and what its answer says of that.

Callers who prove who they are count for themselves, wherever they call from; all others, wrong
credentials included, count by their address. Attempts at secrets count apart, and only the wrong
ones, both by address and by account: neither one machine that tries many accounts nor many
machines that try one get far, and people who sign in all day never notice. (A refresh token
cannot be guessed: wrong ones count as requests alone, or an office whose sessions have ended would
lock itself out.)
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import idna
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from notifier.audit import describe_new, record_change
from notifier.authentication import Principal
from notifier.client_address import find_client
from notifier.errors import NotifierError, RateLimited, Unauthenticated
from notifier.quotas import Quota
from notifier.rate_leases import open_counters
from notifier.rate_limits import Grant

# META is the WSGI environment, where layers leave word for one another under dotted names
# (PEP 3333), and DRF's request shares it with Django's.
_CHARGES: Final = "notifier.charges"
_CHARGED: Final = "notifier.charged"
_TOO_MANY: Final = "too many requests; Retry-After says when to come again"
_TOO_MANY_ATTEMPTS: Final = "too many failed attempts; Retry-After says when to try again"


def charge_caller(request: HttpRequest | Request, principal: Principal | None) -> None:
    """Count a request against its caller's quota; raise RateLimited when nothing is left of it."""
    if principal is None:
        _charge(request, "anon", settings.RATE_LIMIT_ANON, _client_of(request))
    elif principal.api_key_id is not None:
        _charge(request, "key", settings.RATE_LIMIT_KEY, str(principal.api_key_id))
    else:
        _charge(request, "user", settings.RATE_LIMIT_USER, str(principal.user_id))


def write_limit_fields(request: HttpRequest | Request, response: HttpResponseBase) -> None:
    """Say what is left, as draft-ietf-httpapi-ratelimit-headers has it, if a limit was looked at.

    `RateLimit-Policy: "anon";q=100;w=900` and `RateLimit: "anon";r=42;t=317`.
    """
    charges: list[tuple[str, Quota, Grant]] = request.META.get(_CHARGES, [])
    if charges:
        policies = [f'"{name}";q={quota.count};w={quota.seconds}' for name, quota, _ in charges]
        states = [f'"{name}";r={each.remaining};t={each.seconds}' for name, _, each in charges]
        response["RateLimit-Policy"] = ", ".join(policies)
        response["RateLimit"] = ", ".join(states)


@contextmanager
def limit_attempts(
    request: HttpRequest | Request,
    *,
    account: str | None = None,
    failures: tuple[type[NotifierError], ...] = (Unauthenticated,),
    by_address: bool = True,
) -> Iterator[None]:
    """Count the block as a failed attempt if it raises one of `failures`.

    Raises RateLimited, without running the block, where its address or its account has had too
    many. Counted before and given back after, so that attempts at once cannot all be the last.
    """
    quota: Quota | None = settings.RATE_LIMIT_LOGIN
    if quota is None:
        yield
        return
    grants: dict[str, Grant] = {}
    is_failure = False
    try:
        for key in _attempt_keys(request, account=account, by_address=by_address):
            grants[key] = _charge_attempt(request, quota, key)
        yield
    except failures:
        is_failure = True
        _record_locks(grants)
        raise
    finally:
        if not is_failure:
            counters = open_counters(settings.CACHE_URL).counters
            counters.take_each(quota, dict.fromkeys(grants, -1))


def _attempt_keys(
    request: HttpRequest | Request, *, account: str | None, by_address: bool
) -> list[str]:
    """The address comes first: once it has had too many, it cannot lock any more accounts."""
    keys = [f"login-address:{_client_of(request)}"] if by_address else []
    if account is not None:
        digest = hashlib.sha256(fold_account(account).encode(errors="replace")).hexdigest()
        keys.append(f"login-account:{digest}")
    return keys


def fold_account(text: str) -> str:
    """Return one form for all spellings of an address that sign in to the same account."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.strip()).casefold())
    local, _, domain = folded.rpartition("@")
    with suppress(idna.IDNAError):
        domain = idna.encode(domain, uts46=True).decode()
    return f"{local}@{domain}"


def _charge(request: HttpRequest | Request, name: str, quota: Quota | None, caller: str) -> None:
    """Once for each request, also if it is tried in two ways; of two callers the last counts."""
    key = f"{name}:{caller}"
    if quota is None or request.META.get(_CHARGED) == key:
        return
    request.META.pop(_CHARGES, None)
    grant = open_counters(settings.CACHE_URL).take_one(quota, key)
    _note(request, name, quota, grant)
    if not grant.granted:
        raise RateLimited(_TOO_MANY, retry_after=grant.seconds)
    request.META[_CHARGED] = key


def _charge_attempt(request: HttpRequest | Request, quota: Quota, key: str) -> Grant:
    """What is left of an account's attempts is nobody's business until there are none."""
    grant = open_counters(settings.CACHE_URL).counters.take(quota, key)
    if not grant.granted:
        _note(request, key.partition(":")[0], quota, grant)
        raise RateLimited(_TOO_MANY_ATTEMPTS, retry_after=grant.seconds)
    return grant


def _record_locks(grants: Mapping[str, Grant]) -> None:
    """The last failure before a lock goes into the audit log: those after it are not even tried.

    Whose account it was says the entry of the refused sign-in, with the same correlation id.
    """
    for key, grant in grants.items():
        if not grant.remaining:
            record_change(
                action="sign_in.locked",
                object_type=key.partition(":")[0],
                changes=describe_new(seconds=grant.seconds),
            )


def _note(request: HttpRequest | Request, name: str, quota: Quota, grant: Grant) -> None:
    request.META.setdefault(_CHARGES, []).append((name, quota, grant))


def _client_of(request: HttpRequest | Request) -> str:
    return find_client(request.META, trusted_proxies=settings.TRUSTED_PROXY_COUNT)
