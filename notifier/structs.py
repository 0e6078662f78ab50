"""msgspec's structs, read by many threads.

Where two of them make a decoder of a new struct at once, msgspec (0.22) lets one read what the
other has not finished, and the process dies of it: a lock, for the first time alone.
"""

import threading
from typing import Any, Final, TypeVar

import msgspec

Value = TypeVar("Value")

_decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}
_lock: Final = threading.Lock()


def decoder_of(kind: type[Value]) -> "msgspec.json.Decoder[Value]":
    """Return the JSON decoder of a struct, or of a list of one."""
    known = _decoders.get(kind)
    if known is None:
        with _lock:
            known = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    return known


def convert(value: object, kind: type[Value], *, from_attributes: bool = False) -> Value:
    """Return what was decoded before as `kind`; raise msgspec.ValidationError where it is not."""
    decoder_of(kind)  # describes it
    return msgspec.convert(value, kind, from_attributes=from_attributes)
