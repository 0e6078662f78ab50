"""What a setting of the environment is, and the error of one that cannot work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DEVELOPMENT, STAGING, PRODUCTION = "development", "staging", "production"


class InvalidSetting(Exception):
    """A setting cannot work; the message is one line that names it and says what is expected."""


class UnfitValue(ValueError):
    """Why a value cannot work, in words that show no secret; the setting's name goes before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One variable of the environment. `default` is the text one would have written."""

    name: str
    meaning: str
    parse: Callable[[str], Any]
    expected: str
    default: str = ""
    secret: bool = False
    generated: bool = False  # made into var/ where it is missing, required in production
