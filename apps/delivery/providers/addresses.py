"""What counts as one mail address, and how it is written for SMTP."""

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.utils import getaddresses
from functools import lru_cache

import idna

# Stricter than RFC 5322: no quoted local parts, comments or lists, so that a separator that
# anybody's parser knows can never turn one recipient into two.
LOCAL_PART = re.compile(r"[^\s@<>(),:;\"\[\]\\\x00-\x20\x7f\u0080-\u009f]{1,64}")
DOMAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")


class InvalidAddress(ValueError):
    """The text is not exactly one address; the text itself is not repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address with an ASCII domain; only the local part may need SMTPUTF8 (RFC 6531)."""

    local: str
    domain: str
    display_name: str = ""

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_smtputf8(self) -> bool:
        return not self.local.isascii()


@lru_cache(maxsize=8)  # a mail's is read four times: announced and sent, envelope and header
def parse_address(text: str) -> Address:
    """Read one bare address such as `ada@bücher.example`. Raises InvalidAddress."""
    local, at, domain = text.rpartition("@")
    if not at or not LOCAL_PART.fullmatch(local):
        raise InvalidAddress("not exactly one bare mail address")
    return Address(local=local, domain=_encode_domain(domain))


def parse_mailbox(text: str) -> Address:
    """Read one address with or without a name: `Ada <ada@example.org>`. Raises InvalidAddress."""
    try:
        found = getaddresses([text])
    except (HeaderParseError, IndexError) as exc:  # the standard parser's own slips
        raise InvalidAddress("not a mailbox") from exc
    if len(found) != 1:
        raise InvalidAddress("not exactly one mailbox")
    name, bare = found[0]
    address = parse_address(bare)
    return Address(local=address.local, domain=address.domain, display_name=name)


def _encode_domain(domain: str) -> str:
    try:
        # Plain ASCII stays as it is: IDNA would refuse the underscores that some hosts have.
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as exc:
        raise InvalidAddress("the domain is not a valid international name") from exc
    if not DOMAIN.fullmatch(ascii_domain) or ".." in ascii_domain:
        raise InvalidAddress("the domain is not valid")
    return ascii_domain
