"""The view that every route of the API is made of."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from notifier.api.credentials import CredentialAuthentication, IsAuthenticated, principal_of
from notifier.api.errors import answer_exception
from notifier.api.limits import charge_caller, write_limit_fields
from notifier.authentication import Principal, Scope, authenticate
from notifier.errors import Unauthenticated

__all__ = ["ApiView", "LeanView", "PublicView", "principal_of"]


class AlwaysJson(BaseContentNegotiation):
    """The API speaks JSON whatever Accept says: an error page in HTML would help nobody."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0] if parsers else None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), "application/json"


class HasScope(BasePermission):
    """Callers need the scope that the view names for the method; no entry: any caller."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope = cast("ApiView", view).scope_for(request.method)
        if scope is not None:
            principal_of(request).require(scope)
        return True


class ApiView(APIView):
    """Protected by default: a caller is required, and `scopes` says which right for which method.

    Limited by default too: every call counts against its caller's quota (`notifier.api.limits`).
    Handlers return `notifier.api.envelope.answer(...)` and raise `NotifierError`s.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = [CredentialAuthentication]
    permission_classes: Sequence[Any] = [IsAuthenticated, HasScope]
    content_negotiation_class = AlwaysJson
    metadata_class = None  # OPTIONS would answer outside of the envelope, and fail in a LeanView
    parser_classes: Sequence[Any] = [JSONParser]  # for the schema; `read_body` parses
    scopes: ClassVar[dict[str, Scope]] = {}
    is_limited: ClassVar[bool] = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        write_limit_fields(request, response)
        return response

    def perform_authentication(self, request: Request) -> None:
        """Find out who calls, and count the call: before any right is looked at."""
        self.charge(request, lambda: request.user)

    def charge(
        self, request: Request | HttpRequest, authenticated: Callable[[], Any]
    ) -> Principal | None:
        """Return the caller, None for a stranger, after counting the call.

        Wrong credentials are a stranger's. Raises RateLimited, Unauthenticated.
        """
        try:
            principal: Principal | None = authenticated()
        except Unauthenticated:
            if self.is_limited:
                charge_caller(request, None)
            raise
        if self.is_limited:
            charge_caller(request, principal)
        return principal

    def scope_for(self, method: str | None) -> Scope | None:
        """Return the scope that a method needs; HEAD tells what GET does, and needs the same."""
        return self.scopes.get("GET" if method == "HEAD" else method or "")


class PublicView(ApiView):
    """A route that strangers may call; there are few, and a test lists them."""

    authentication_classes: Sequence[type[BaseAuthentication]] = []
    permission_classes: Sequence[Any] = []


class LeanView(ApiView):
    """An `ApiView` without DRF's request wrapping, for the routes that must be fast.

    Same authentication, scopes, envelope and errors, straight from Django's request (DRF's
    dispatch costs as much as storing a notification does).
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = self._answer(request, *args, **kwargs)
        except MethodNotAllowed as error:
            response = answer_exception(error)
            response["Allow"] = ", ".join(self.allowed_methods)  # RFC 9110, 15.5.6
        except Exception as error:  # noqa: BLE001  # the border: each becomes an answer, bugs are logged
            response = answer_exception(error)
        write_limit_fields(request, response)
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        principal = self.charge(request, lambda: authenticate(request))
        handler = self._handler(request)
        request.user = _require_caller(principal, self.scope_for(request.method))
        return cast("HttpResponse", handler(request, *args, **kwargs))

    def _handler(self, request: HttpRequest) -> Any:
        method = (request.method or "").lower()
        if method not in self.http_method_names:
            return self.http_method_not_allowed
        return getattr(self, method, self.http_method_not_allowed)


def _require_caller(principal: Principal | None, scope: Scope | None) -> Any:
    if principal is None:
        raise Unauthenticated("credentials are required")
    if scope is not None:
        principal.require(scope)
    return principal
