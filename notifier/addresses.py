"""What counts as one e-mail address, for users and for single recipients."""

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from notifier.errors import InvalidRequest

# .test, .local and the like lead nowhere on the internet, but somewhere in an intranet; changing
# the list is the library's own way of allowing them. .invalid is never anybody's (RFC 2606).
SPECIAL_USE_DOMAIN_NAMES[:] = ["invalid"]
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
