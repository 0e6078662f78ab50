"""Request bodies: strict JSON into typed structs, and everything wrong with one as a 400.

Bodies are msgspec structs: no type is guessed (`false` is not an id), unknown fields are named,
and NaN, lone surrogates, endless nesting and numbers out of range never reach our code.
"""

import re
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from notifier.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType

MAX_BODY = 1024 * 1024
MAX_BULK_BODY = 16 * 1024 * 1024
MAX_DEPTH = 32


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The parent of every request body."""


BodyType = TypeVar("BodyType", bound=msgspec.Struct)
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_LOCATED = re.compile(r"^(?P<message>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(.+)`")
_MISSING = re.compile(r"missing required field `(.+)`")


def read_body(
    request: HttpRequest, shape: type[BodyType], *, max_bytes: int = MAX_BODY
) -> BodyType:
    """Return the body as `shape`.

    Raises UnsupportedMediaType (not JSON), PayloadTooLarge (more than `max_bytes`, refused before
    it is parsed) and InvalidRequest (anything else, with the field's path).
    """
    if (request.content_type or "").lower() != "application/json":
        raise UnsupportedMediaType("Content-Type must be application/json")
    return decode(_read_bytes(request, max_bytes), shape)


def decode(raw: bytes, shape: type[BodyType]) -> BodyType:
    """Return JSON bytes as `shape`; raise InvalidRequest that says where and why not."""
    decoder = _decoders.get(shape) or _decoders.setdefault(shape, msgspec.json.Decoder(shape))
    try:
        body = decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from error
    except RecursionError as error:
        raise InvalidRequest("the body is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from error
    # Two spellings can carry a NUL into a string: the escape, and nothing else (raw ones are
    # not valid JSON). Looking for it first keeps the walk off the usual path.
    if b"\\u0000" in raw and _contains_nul(msgspec.to_builtins(body)):
        raise InvalidRequest("NUL characters are not allowed")
    return body


def _read_bytes(request: HttpRequest, max_bytes: int) -> bytes:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdigit() or int(declared) > max_bytes:
        raise PayloadTooLarge(f"the body is larger than {max_bytes} bytes")
    try:
        raw = request.body
    except RequestDataTooBig as error:
        raise PayloadTooLarge(f"the body is larger than {max_bytes} bytes") from error
    except UnreadablePostError as error:
        raise InvalidRequest("the body could not be read to its end") from error
    if len(raw) > max_bytes:
        raise PayloadTooLarge(f"the body is larger than {max_bytes} bytes")
    return raw


def _field_error(text: str) -> InvalidRequest:
    located = _LOCATED.match(text)
    message, path = (located["message"], located["path"] or "") if located else (text, "")
    for pattern, code in ((_UNKNOWN, "unknown_field"), (_MISSING, "required")):
        if named := pattern.search(message):
            field = f"{path}.{named[1]}".strip(".")
            return InvalidRequest.of_field(field, message, code=code)
    return InvalidRequest.of_field(path, message)


def _contains_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_contains_nul(part) for item in value.items() for part in item)
    if isinstance(value, list):
        return any(_contains_nul(item) for item in value)
    return False
