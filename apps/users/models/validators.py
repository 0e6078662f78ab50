"""What an account's fields may hold, for the API and the admin alike."""

import re
import unicodedata
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

MAX_NAME = 200
MAX_LANGUAGE = 35  # RFC 5646, 4.4.1: what every implementation must be able to hold
MIN_TOKEN, MAX_TOKEN = 8, 4096

# \Z and not $, which would let a line feed through.
check_language = RegexValidator(
    r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", "a language tag such as en or pt-BR"
)
check_token = RegexValidator(
    rf"^[\x21-\x7e]{{{MIN_TOKEN},{MAX_TOKEN}}}\Z",
    f"{MIN_TOKEN} to {MAX_TOKEN} printable ASCII characters without spaces",
)
# Line breaks could become header lines where a name is part of an address; the directional
# overrides let one name look like another.
_UNSAFE_NAME = re.compile("[\u2028-\u202e\u2066-\u2069]")


def check_name(name: str) -> None:
    if _UNSAFE_NAME.search(name) or any(unicodedata.category(char) == "Cc" for char in name):
        raise ValidationError("control characters and line breaks are not allowed")


def check_timezone(name: str) -> None:
    if name not in _known_timezones():
        raise ValidationError("a time zone of the IANA database such as Europe/Berlin")


@cache
def _known_timezones() -> frozenset[str]:
    return frozenset(available_timezones())
