"""How the template routes are described in the OpenAPI document, with examples that work."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from apps.templates.api.serializers import (
    ContentAnswer,
    ContentBody,
    NewTemplateBody,
    NewVersionBody,
    PreviewAnswer,
    PreviewBody,
    TemplateAnswer,
    TemplateChangeBody,
    TemplateDetail,
    VersionAnswer,
)

TAGS = ["Templates"]
_NOTHING: dict[str, Any] = {"type": "null"}
_EMAIL = {"subject": "Welcome, {{ name }}", "html": "<p>Hello {{ name }}</p>"}
_SAMPLE = {"name": "Ada"}


def _example(value: dict[str, Any], name: str = "Example") -> list[OpenApiExample]:
    return [OpenApiExample(name, value=value, request_only=True)]


_PAGE = [
    OpenApiParameter("page", int, description="From 1."),
    OpenApiParameter("limit", int, description="At most 100, 20 by default."),
]

list_templates = extend_schema(
    operation_id="list_templates",
    summary="List templates",
    parameters=[
        OpenApiParameter("channel", str, enum=["email", "push"]),
        OpenApiParameter("language", str, description="Has a version in it."),
        OpenApiParameter("search", str, description="How the code begins."),
        *_PAGE,
    ],
    responses={200: list[TemplateAnswer]},
    tags=TAGS,
)
create_template = extend_schema(
    operation_id="create_template",
    summary="Create a template with its version 1, live unless `publish` is false",
    request=NewTemplateBody,
    responses={201: TemplateDetail, 409: None},
    examples=_example(
        {
            "code": "welcome",
            "channel": "email",
            "name": "Welcome",
            "language": "en",
            "content": _EMAIL,
            "sample_variables": _SAMPLE,
        }
    ),
    tags=TAGS,
)
get_template = extend_schema(
    operation_id="get_template",
    summary="Read a template with the content of its live version",
    responses={200: TemplateDetail},
    tags=TAGS,
)
change_template = extend_schema(
    operation_id="change_template",
    summary="Change a template's properties; content changes by a new version",
    request=TemplateChangeBody,
    responses={200: TemplateDetail, 422: None},
    examples=_example({"name": "Welcome mail", "kind": "transactional"}),
    tags=TAGS,
)
delete_template = extend_schema(
    operation_id="delete_template",
    summary="Delete a template; what was accepted is still sent",
    responses={200: _NOTHING},
    tags=TAGS,
)
list_versions = extend_schema(
    operation_id="list_template_versions",
    summary="List a template's versions, newest first",
    parameters=_PAGE,
    responses={200: list[VersionAnswer]},
    tags=TAGS,
)
add_version = extend_schema(
    operation_id="add_template_version",
    summary="Add a version, a draft until it is published",
    request=NewVersionBody,
    responses={201: VersionAnswer},
    examples=_example(
        {
            "language": "pt-BR",
            "content": {"subject": "Bem-vinda, {{ name }}", "html": "<p>Olá {{ name }}</p>"},
            "sample_variables": _SAMPLE,
        }
    ),
    tags=TAGS,
)
publish_version = extend_schema(
    operation_id="publish_template_version",
    summary="Make a version the live one of its language; an older one is the rollback",
    request=None,
    responses={200: VersionAnswer},
    tags=TAGS,
)
preview_template = extend_schema(
    operation_id="preview_template",
    summary="Render a version; its sample variables fill what is not given",
    request=PreviewBody,
    responses={200: PreviewAnswer, 422: None},
    examples=_example({"variables": _SAMPLE, "language": "en"}),
    tags=TAGS,
)
validate_content = extend_schema(
    operation_id="validate_template_content",
    summary="Check content without storing it",
    request=ContentBody,
    responses={200: ContentAnswer},
    examples=_example({"channel": "email", "content": _EMAIL}),
    tags=TAGS,
)
