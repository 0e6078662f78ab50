"""Which values may go into a template: plain JSON, bounded in depth and in size."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, cast

from apps.templates.rendering.errors import RenderingError

MAX_DEPTH = 8
MAX_WEIGHT = 256 * 1024
MAX_BITS = 128

_VALUE_WEIGHT = 8
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


def weigh_variables(variables: Mapping[str, object]) -> int:
    """Return the size of all names and values in characters, eight more for each value.

    Types must be exact: a subclass of str could claim to be escaped already, an object could
    have attributes. Raises RenderingError for whatever is not plain JSON.
    """
    if not isinstance(variables, Mapping):
        raise _refuse("not an object")
    if (weight := weigh_texts(variables)) is not None:
        return weight
    return _weigh_each(variables)


def weigh_texts(variables: Mapping[str, object]) -> int | None:
    """Return the weight where all is text, as mostly; None for what has to be looked through."""
    if type(variables) is not dict:
        return None
    texts = [*variables, *variables.values()]
    if any(type(text) is not str for text in texts):
        return None
    joined = "".join(cast("list[str]", texts))
    weight = len(joined) + _VALUE_WEIGHT * len(variables)
    return None if weight > MAX_WEIGHT or _UNSENDABLE.search(joined) else weight


def _weigh_each(variables: Mapping[str, object]) -> int:
    weight = 0
    found: list[tuple[object, int]] = [(dict(variables), 1)]
    while found:
        value, depth = found.pop()
        weight += _weigh_value(value)
        if weight > MAX_WEIGHT:
            raise _refuse(f"more than {MAX_WEIGHT // 1024} KiB in all")
        found.extend(_open_container(value, depth))
    return weight


def read_plain_json(text: str) -> Any:
    """Return a value that was typed as JSON. Raises RenderingError for what no template takes."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse(f"not JSON: {error}") from error
    weigh_variables(value if isinstance(value, dict) else {"": value})
    return value


def _weigh_value(value: object) -> int:
    if value is None or isinstance(value, bool):
        return 0
    if type(value) is str:
        return _weigh_text(value)
    if type(value) is dict or type(value) is list:
        return _VALUE_WEIGHT * len(value)
    if _is_plain_number(value):
        return 0
    raise _refuse("not plain JSON: only text, numbers, booleans, null, lists and objects")


def _weigh_text(text: str) -> int:
    if len(text) <= MAX_WEIGHT and _UNSENDABLE.search(text):
        raise _refuse("a character that no message can carry")
    return len(text)


def _is_plain_number(value: object) -> bool:
    if type(value) is int:
        return value.bit_length() <= MAX_BITS
    return type(value) is float and math.isfinite(value)


def _open_container(value: object, depth: int) -> list[tuple[object, int]]:
    if not isinstance(value, dict | list) or not value:
        return []
    if depth > MAX_DEPTH:
        raise _refuse(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, list):
        return [(item, depth + 1) for item in value]
    if any(type(key) is not str for key in value):
        raise _refuse("a name that is not text")
    return [(item, depth + 1) for pair in value.items() for item in pair]


def _refuse(message: str) -> RenderingError:
    return RenderingError("variables", message)
