"""What counts as one e-mail address, and how addresses and tokens look where they are hidden."""

import re

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from notifier.errors import InvalidRequest

# .test, .local and the like lead nowhere on the internet, but somewhere in an intranet; changing
# the list is the library's own way of allowing them. .invalid is never anybody's (RFC 2606).
SPECIAL_USE_DOMAIN_NAMES[:] = ["invalid"]
# What may stand around an address in a sentence, a log line or a URL cannot be part of it here.
# From the begin of a word on, and without going back in it: linear, whatever a provider sends.
_PART = r"[^\s@<>()\[\]\"',;:/=&?%]"
_ADDRESS = re.compile(rf"(?<!{_PART})({_PART}){_PART}*+(@|%40)((?:[\w-]+\.)*[\w-]+)")
_SHOWN_FROM = 16
MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3


def normalise_email(text: str, *, field: str = "email") -> str:
    """Return the one address in `text`, NFC and with a lower-case ASCII-safe domain.

    No DNS look-up: a self-hosted installation may know names that the public DNS does not.
    Raises InvalidRequest for anything else, lists of addresses and display names included.
    """
    try:
        valid = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise InvalidRequest.of_field(field, "not one e-mail address") from error
    return valid.normalized


def mask_address(address: str) -> str:
    """Return as much of an address as tells a person which one is meant: `a***@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def mask_token(token: str) -> str:
    """Return as much of a device token as tells devices apart; of a short one nothing."""
    return f"{token[:4]}…{token[-4:]}" if len(token) >= _SHOWN_FROM else "…"


def mask_addresses(text: str) -> str:
    """Return `text` with every address in it masked, also one that is quoted for a URL."""
    if "@" not in text and "%40" not in text:
        return text
    return _ADDRESS.sub(r"\1***\2\3", text)
