"""Who is at the other end of a request: the one address that counts against a limit."""

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

import structlog

log = structlog.get_logger(__name__)
# One customer of a provider has at least a /64: single addresses in it cost nothing.
IPV6_PREFIX: Final = 64
_FORWARDED_FOR: Final = "HTTP_X_FORWARDED_FOR"
UNKNOWN: Final = "unknown"  # a request over a Unix socket has no address


def find_client(meta: Mapping[str, str], *, trusted_proxies: int) -> str:
    """Return the client's IPv4 address or IPv6 /64 network as text.

    Each trusted proxy appends the peer that it sees to X-Forwarded-For, so with N of them the
    client is the Nth from the right; what stands further left is whatever the client wrote. With
    none, or with fewer entries than proxies (somebody went past one), it is the connection's peer.
    No other header is looked at.
    """
    peer = meta.get("REMOTE_ADDR") or UNKNOWN
    if not trusted_proxies:
        if _FORWARDED_FOR in meta:
            warn_of_ignored_proxy()
        return _name_network(peer) or peer
    chain = meta.get(_FORWARDED_FOR, "").split(",")
    seen = chain[-trusted_proxies] if len(chain) >= trusted_proxies else ""
    return _name_network(seen) or _name_network(peer) or peer


@cache
def warn_of_ignored_proxy() -> None:
    """Say so once in a process: behind a proxy that is not counted, everybody is one client."""
    log.warning("forwarded_for_ignored", setting="TRUSTED_PROXY_COUNT", value=0)


def _name_network(text: str) -> str | None:
    address = _read_address(text.strip())
    if address is None:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else address
    if mapped is not None:
        return str(mapped)
    return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read what proxies write: `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]:5678`."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        return ip_address(bare)
    except ValueError:
        return None
