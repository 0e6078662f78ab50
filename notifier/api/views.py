"""The view that every route of the API is made of."""

from collections.abc import Sequence
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
from notifier.authentication import Scope, authenticate
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

    Handlers return `notifier.api.envelope.answer(...)` and raise `NotifierError`s.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = [CredentialAuthentication]
    permission_classes: Sequence[Any] = [IsAuthenticated, HasScope]
    content_negotiation_class = AlwaysJson
    metadata_class = None  # OPTIONS would answer outside of the envelope, and fail in a LeanView
    parser_classes: Sequence[Any] = [JSONParser]  # for the schema; `read_body` parses
    scopes: ClassVar[dict[str, Scope]] = {}

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
            handler = self._handler(request)
            request.user = _require_caller(request, self.scope_for(request.method))
            return cast("HttpResponse", handler(request, *args, **kwargs))
        except MethodNotAllowed as error:
            response = answer_exception(error)
            response["Allow"] = ", ".join(self.allowed_methods)  # RFC 9110, 15.5.6
            return response
        except Exception as error:  # noqa: BLE001  # the border: each becomes an answer, bugs are logged
            return answer_exception(error)

    def _handler(self, request: HttpRequest) -> Any:
        method = (request.method or "").lower()
        if method not in self.http_method_names:
            return self.http_method_not_allowed
        return getattr(self, method, self.http_method_not_allowed)


def _require_caller(request: HttpRequest, scope: Scope | None) -> Any:
    principal = authenticate(request)
    if principal is None:
        raise Unauthenticated("credentials are required")
    if scope is not None:
        principal.require(scope)
    return principal
