"""How much somebody may do: so many units in so many seconds, written as `100/15m`."""

import re
from dataclasses import dataclass
from typing import Final

OFF: Final = "off"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WRITTEN: Final = re.compile(r"([1-9]\d{0,8})/(\d{0,5})([smhd])", flags=re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """`count` units in any `seconds`."""

    count: int
    seconds: int


def parse_quota(text: str) -> Quota | None:
    """Return the quota that a setting's text means, None for `off`; raise ValueError."""
    if text.lower() == OFF:
        return None
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError
    count, number, unit = written.groups()
    seconds = int(number or 1) * _SECONDS[unit]
    if not seconds:
        raise ValueError
    return Quota(count=int(count), seconds=seconds)
