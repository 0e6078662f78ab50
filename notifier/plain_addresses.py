"""E-mail addresses that are beyond doubt; a full validation takes thirty times as long.

`is_plain_email` answers for ASCII addresses in the everyday form; whatever it does not know is
the matter of `notifier.addresses`.
"""

import re
from typing import Final

_LOCAL: Final = r"[A-Za-z0-9_+](?:[A-Za-z0-9_+-]|\.(?=[A-Za-z0-9_+-])){0,63}"
# Without two hyphens in a row, see below: what looks like punycode has rules of its own.
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN: Final = re.compile(rf"({_LOCAL})@((?:{_LABEL}\.)+[a-z]{{2,63}})")
_LONGEST: Final = 200  # far below what RFC 5321 allows


def is_plain_email(text: str) -> bool:
    """Is this one address that `normalise_email` would return as it is?"""
    if len(text) > _LONGEST or "--" in text or text.endswith(".invalid"):
        return False
    return _PLAIN.fullmatch(text) is not None
