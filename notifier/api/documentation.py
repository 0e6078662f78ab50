"""The API's own description: schema and Swagger UI, with nothing inline and nothing from afar."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from notifier.api.errors import answer_exception
from notifier.api.limits import charge_caller, write_limit_fields
from notifier.authentication import Principal, authenticate
from notifier.configuration import DEVELOPMENT
from notifier.errors import NotifierError, PermissionDenied, Unauthenticated
from notifier.web_security import DOCS_POLICY


class _Guarded:
    """Open as API_DOCS says: to everybody, or to staff and to keys with the scope `read`.

    Limited for strangers like any other route: to write the schema takes a while.
    """

    metadata_class: Any = None  # OPTIONS would find no template for its answer

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase
        try:
            _admit_reader(request)
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # a mixin
        except NotifierError as error:
            response = answer_exception(error)
        write_limit_fields(request, response)
        response.headers["Content-Security-Policy"] = DOCS_POLICY
        return response


class SchemaView(_Guarded, SpectacularAPIView):
    """OpenAPI 3.1."""


class DocsView(_Guarded, SpectacularSwaggerSplitView):
    """Swagger UI; its start script is an answer of its own, so that none need be in the page."""

    template_name = "notifier/docs.html"


def are_docs_public() -> bool:
    if settings.API_DOCS == "auto":
        return bool(settings.NOTIFIER_ENV == DEVELOPMENT)
    return bool(settings.API_DOCS == "public")


def _admit_reader(request: HttpRequest) -> None:
    if request.user.is_staff:
        return
    principal = _find_principal(request)
    charge_caller(request, principal)
    if are_docs_public():
        return
    if principal is None:
        raise Unauthenticated("the docs are for administrators and API keys")
    if principal.api_key_id is None and not principal.can("admin"):
        raise PermissionDenied("the docs are for administrators and API keys")
    principal.require("read")


def _find_principal(request: HttpRequest) -> Principal | None:
    """Where the docs are public, wrong credentials are as good as none."""
    try:
        return authenticate(request)
    except Unauthenticated:
        return None
