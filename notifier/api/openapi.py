"""How drf-spectacular sees our structs, credentials and envelope."""

import inspect
from typing import Any, get_args, get_origin

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction

from notifier.api.envelope import STATUS_OF_CODE, Meta

_TEMPLATE = "#/components/schemas/{name}"
_COMMON_ERRORS = ("400", "429", "500", "503")
_RETRYABLE = ("429", "503")
_LIMITED = "x-limited"  # between describing an operation and `wrap_in_envelope` alone
_HEADERS = {
    "RateLimit-Policy": {
        "description": "The limits that were looked at: `q` requests in `w` seconds (structured"
        " field, draft-ietf-httpapi-ratelimit-headers). Missing where the limit is off.",
        "schema": {"type": "string"},
        "example": '"key";q=600000;w=60',
    },
    "RateLimit": {
        "description": "What is left of them: `r` requests; some come back after `t` seconds.",
        "schema": {"type": "string"},
        "example": '"key";r=599999;t=6',
    },
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
}


class LimitedSchema(AutoSchema):
    """Notes of each operation whether its view is limited: the hook below sees no views."""

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        """Return what a handler or its view says itself; parents speak to us, not to callers."""
        handler = getattr(self.view, self.method.lower(), None)
        own: str | None = handler.__doc__ or vars(type(self.view)).get("__doc__")
        return inspect.cleandoc(own or "")

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation[_LIMITED] = getattr(self.view, "is_limited", False)
        return operation


class StructExtension(OpenApiSerializerExtension):
    """msgspec structs are the bodies and answers, so they are the schema too."""

    target_class = "msgspec.Struct"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str | None:
        return str(self.target.__name__)

    def get_identity(self, auto_schema: AutoSchema, direction: Direction) -> str:
        # The name, not the class: msgspec gives nested structs by name alone.
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        _, components = msgspec.json.schema_components([self.target], ref_template=_TEMPLATE)
        own = components.pop(self.target.__name__)
        _register_components(auto_schema, components)
        return dict(own)


class StructListExtension(OpenApiSerializerExtension):
    """`list[SomeAnswer]`, the answer of a page."""

    @classmethod
    def _matches(cls, target: Any) -> bool:
        return get_origin(target) is list and issubclass(get_args(target)[0], msgspec.Struct)

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str | None:
        return f"{get_args(self.target)[0].__name__}List"

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        (own,), components = msgspec.json.schema_components([self.target], ref_template=_TEMPLATE)
        _register_components(auto_schema, components)
        return dict(own)


def _register_components(auto_schema: AutoSchema, schemas: dict[str, Any]) -> None:
    for name, schema in schemas.items():
        component = ResolvedComponent(
            name=name, type=ResolvedComponent.SCHEMA, object=name, schema=schema
        )
        auto_schema.registry.register_on_missing(component)


class CredentialScheme(OpenApiAuthenticationExtension):
    """Both kinds of credentials, as Swagger UI's Authorize button offers them."""

    target_class = "notifier.api.credentials.CredentialAuthentication"
    name = ["bearer", "apiKey"]  # the extension's own interface

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        ]


def skip_slash_twins(endpoints: list[Any], **_: Any) -> list[Any]:
    """Each route answers with and without the trailing slash; the schema names it once."""
    return [entry for entry in endpoints if not entry[0].endswith("/")]


def wrap_in_envelope(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put every documented JSON answer into the envelope, and add what any of them may have.

    These are the errors that no route can rule out, and the headers that say what is left.
    """
    result.setdefault("components", {})["headers"] = _HEADERS
    components = result["components"].setdefault("schemas", {})
    components["Meta"] = _struct_schema(Meta)
    components["Failure"] = _failure_schema()
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            if method != "parameters":
                _wrap_operation(operation)
    return result


def _wrap_operation(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    declared = [status for status in responses if status.startswith(("4", "5"))]
    for status in sorted({*declared, *_error_statuses(operation)}):
        responses[status] = _failure_response(status)
    for status, response in responses.items():
        content = response.get("content", {}).get("application/json")
        if content is not None and status.startswith("2"):
            content["schema"] = _envelope_of(content.get("schema", {}))
    _add_headers(responses, is_limited=operation.pop(_LIMITED, False))


def _add_headers(responses: dict[str, Any], *, is_limited: bool) -> None:
    """Other refusals of a limited route have the fields too, which would be said ten times."""
    for status, response in responses.items():
        is_told = status == "429" or (is_limited and status.startswith("2"))
        names = ["RateLimit-Policy", "RateLimit"] if is_told else []
        names += ["Retry-After"] if status in _RETRYABLE else []
        if names:
            links = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            response["headers"] = response.get("headers", {}) | links


def _error_statuses(operation: dict[str, Any]) -> list[str]:
    statuses = list(_COMMON_ERRORS)
    if any(operation.get("security", [])):
        statuses += ["401", "403"]
    if any(p.get("in") == "path" for p in operation.get("parameters", [])):
        statuses.append("404")
    if "requestBody" in operation:
        statuses += ["413", "415"]
    return sorted(statuses)


def _failure_response(status: str) -> dict[str, Any]:
    codes = [code for code, number in STATUS_OF_CODE.items() if str(number) == status]
    schema = {"$ref": "#/components/schemas/Failure"}
    return {
        "description": " or ".join(f"`{code}`" for code in codes),
        "content": {"application/json": {"schema": schema}},
    }


def _envelope_of(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["success", "message", "data", "meta"],
        "properties": {
            "success": {"const": True},
            "message": {"type": "string"},
            "data": data,
            "meta": {"$ref": "#/components/schemas/Meta"},
        },
    }


def _failure_schema() -> dict[str, Any]:
    text = {"type": "string"}
    error = {
        "type": "object",
        "required": ["field", "code", "message"],
        "properties": {"field": text, "code": text, "message": text},
    }
    return {
        "type": "object",
        "required": ["success", "message", "error", "data", "meta"],
        "properties": {
            "success": {"const": False},
            "message": text,
            "error": {"type": "string", "enum": list(STATUS_OF_CODE)},
            "data": {
                "type": "object",
                "required": ["errors", "correlation_id"],
                "properties": {
                    "errors": {"type": "array", "items": error},
                    "correlation_id": text,
                },
            },
            "meta": {"$ref": "#/components/schemas/Meta"},
        },
    }


def _struct_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([struct], ref_template=_TEMPLATE)
    return dict(components[struct.__name__])
