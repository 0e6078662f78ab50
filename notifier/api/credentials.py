"""DRF's door to `notifier.authentication`.

Apart from the views, because DRF imports its default classes while its own views are loading.
"""

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from notifier.authentication import Principal, authenticate
from notifier.errors import Unauthenticated


class CredentialAuthentication(BaseAuthentication):
    """Bearer tokens and API keys."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        principal = authenticate(request)
        return None if principal is None else (principal, None)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="notifier"'


class IsAuthenticated(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        principal_of(request)
        return True


def principal_of(request: Request | HttpRequest) -> Principal:
    """Return the caller of a protected route."""
    if isinstance(request.user, Principal):
        return request.user
    raise Unauthenticated("credentials are required")
