"""Who is at work: the caller of the request at hand, an operator in the admin, or a command."""

import os
import pwd
import socket
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from notifier.authentication import Principal
from notifier.client_address import find_client

ActorKind = Literal["user", "api_key", "operator", "command", "system", "anonymous"]
_request: ContextVar[HttpRequest | None] = ContextVar("request_at_hand", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who changes something, and from where.

    `id` is a user's or key's, or a command's name; `address` a client's, or a command's user and
    host. An operator is a person in the admin.
    """

    kind: ActorKind
    id: str = ""
    address: str = ""
    organization_id: UUID | None = None


class ActorMiddleware:
    """Keep the request within reach of `current_actor` while it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def current_actor() -> Actor:
    """Return who is at work; called late, because a request's user is known late."""
    request = _request.get()
    return _actor_of_process() if request is None else _actor_of_request(request)


def _actor_of_request(request: HttpRequest) -> Actor:
    address = find_client(request.META, trusted_proxies=settings.TRUSTED_PROXY_COUNT)
    caller = getattr(request, "user", None)
    if isinstance(caller, Principal):
        return _actor_of_principal(caller, address)
    if caller is None or not caller.is_authenticated:
        return Actor(kind="anonymous", address=address)
    return Actor(
        kind="operator",
        id=str(caller.pk),
        address=address,
        organization_id=getattr(caller, "organization_id", None),
    )


def _actor_of_principal(caller: Principal, address: str) -> Actor:
    return Actor(
        kind="api_key" if caller.user_id is None else "user",
        id=str(caller.user_id or caller.api_key_id or ""),
        address=address,
        organization_id=caller.organization_id,
    )


def _actor_of_process() -> Actor:
    program, *arguments = sys.argv
    address = f"{_find_login()}@{socket.gethostname()}"
    if Path(program).name == "manage.py" and arguments:
        return Actor(kind="command", id=arguments[0][:64], address=address)
    return Actor(kind="system", address=address)


def _find_login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers run as numbers without a name
        return str(os.getuid())
