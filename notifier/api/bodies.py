"""Request bodies: strict JSON into typed structs, and everything wrong with one as a 400.

Bodies are msgspec structs: no type is guessed (`false` is not an id), unknown fields are named,
and NaN, lone surrogates, endless nesting and numbers out of range never reach our code.
"""

import re
from typing import TypeVar

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from notifier.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from notifier.structs import convert, decoder_of

MAX_BODY = 1024 * 1024
MAX_BULK_BODY = 16 * 1024 * 1024
MAX_DEPTH = 32
# 30 in each row of the largest bulk; a million take a second of CPU and a quarter of a gigabyte.
MAX_CONTAINERS = 300_000


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The parent of every request body; subclasses repeat `kw_only=True` (it is not inherited)."""


BodyType = TypeVar("BodyType", bound=msgspec.Struct)
_LOCATED = re.compile(r"^(?P<message>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(.+)`")
_TOO_DEEP = f"the body is nested more than {MAX_DEPTH} levels deep"
_TOO_MANY = f"the body has more than {MAX_CONTAINERS} objects and lists"
# Possessive, and without the need of an end: linear whatever it is given.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_TO_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_MISSING = re.compile(r"missing required field `(.+)`")


def read_body(
    request: HttpRequest, shape: type[BodyType], *, max_bytes: int = MAX_BODY
) -> BodyType:
    """Return the body as `shape`.

    Raises UnsupportedMediaType (not JSON), PayloadTooLarge (more than `max_bytes`, refused before
    it is parsed) and InvalidRequest (anything else, with the field's path).
    """
    # DRF's requests give the header as it came, with its parameters; Django's without.
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType("Content-Type must be application/json")
    return decode(_read_bytes(request, max_bytes), shape)


def decode(raw: bytes, shape: type[BodyType]) -> BodyType:
    """Return JSON bytes as `shape`; raise InvalidRequest that says where and why not."""
    _refuse_unstorable(raw)
    try:
        return decoder_of(shape).decode(raw)
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from error
    except RecursionError as error:
        raise InvalidRequest(_TOO_DEEP) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from error


def convert_part(part: object, shape: type[BodyType]) -> BodyType:
    """Return a part of a body, decoded before, as `shape`; raise InvalidRequest as `decode`."""
    try:
        return convert(part, shape)
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from error


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


def _refuse_unstorable(raw: bytes) -> None:
    """Raise InvalidRequest for JSON that would decode, but that nothing behind us can hold.

    On the bytes, because decoding millions of values takes seconds; what is no JSON may be
    refused here as well. What decodes at a depth of 900 is a RecursionError when it is stored,
    further down the stack; few brackets cannot nest deeply. Only the escape can carry a NUL into
    a string: raw ones are not valid JSON.
    """
    if b"\\u0000" in raw and _ESCAPED_NUL.search(raw):
        raise InvalidRequest("NUL characters are not allowed")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _refuse_structure(_STRING.sub(b"", raw).translate(_TO_ONE_KIND, delete=_NO_BRACKETS))


def _refuse_structure(brackets: bytes) -> None:
    if brackets.count(b"[") > MAX_CONTAINERS:
        raise InvalidRequest(_TOO_MANY)
    if _is_too_deep(brackets):
        raise InvalidRequest(_TOO_DEEP)


def _is_too_deep(brackets: bytes) -> bool:
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")  # the innermost level
    return bool(brackets)
