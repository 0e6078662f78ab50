"""Checks and renders what users write into templates, in a sandbox that knows no model."""

from apps.templates.rendering.building import BuiltBody, build_body, find_format
from apps.templates.rendering.cache import compiled, compiled_loose
from apps.templates.rendering.compiled import (
    CompiledContent,
    RenderedEmail,
    RenderedPush,
    compile_content,
)
from apps.templates.rendering.content import check_content
from apps.templates.rendering.errors import (
    ContentError,
    ContentReport,
    MissingVariables,
    RenderingError,
)
from apps.templates.rendering.shape import FOR_TEMPLATES_ALONE, HOSTED, HOSTS
from apps.templates.rendering.variables import read_plain_json, weigh_texts, weigh_variables

__all__ = [
    "FOR_TEMPLATES_ALONE",
    "HOSTED",
    "HOSTS",
    "BuiltBody",
    "CompiledContent",
    "ContentError",
    "ContentReport",
    "MissingVariables",
    "RenderedEmail",
    "RenderedPush",
    "RenderingError",
    "build_body",
    "check_content",
    "compile_content",
    "compiled",
    "compiled_loose",
    "find_format",
    "read_plain_json",
    "weigh_texts",
    "weigh_variables",
]
