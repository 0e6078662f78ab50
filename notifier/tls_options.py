"""The TLS options in the URLs of broker and cache, and of the database (docs/tls.md).

Those of broker and cache have the names that redis-py and kombu know, those of the database the
names that libpq knows. What an option says stands or the process does not start; a server's
certificate and host name are verified unless an option says otherwise.
"""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from psycopg.pq import Conninfo

from notifier.setting import UnfitValue
from notifier.tls_files import check_tls_files

_ENCRYPTED: Final = ("amqps", "rediss")
_CA, _CERTIFICATE, _KEY = "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"
_VERIFY, _CHECK_NAME = "ssl_cert_reqs", "ssl_check_hostname"
_TLS_OPTIONS: Final = (_CA, _CERTIFICATE, _KEY, _VERIFY, _CHECK_NAME)
_WORDS: Final = {_VERIFY: ("required", "none"), _CHECK_NAME: ("true", "false")}
# Options of redis-py that change nothing that our code relies on.
_CACHE_OPTIONS: Final = (
    "client_name",
    "db",
    "health_check_interval",
    "max_connections",
    "protocol",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
)
_DJANGO_OPTIONS: Final = frozenset({"assume_role", "isolation_level"})
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_VERIFYING: Final = ("verify-ca", "verify-full")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """The broker's URL without options, and what kombu calls `ssl`: py-amqp's parameters."""

    url: str
    tls: dict[str, Any] | bool


def as_broker(value: str) -> str:
    """Return a broker's URL, or several with `;` between them, whose options can work."""
    urls = value.split(";")
    for url in urls:
        _check_url(url, schemes=("amqp", "amqps", "memory"))
        if urlsplit(url).scheme == "amqps" and (len(urls) > 1 or not urlsplit(url).hostname):
            raise UnfitValue(
                "amqps:// takes one host, whose name its certificate is checked against"
            )
    return value


def as_cache(value: str) -> str:
    """Return a cache's URL whose options can work; none for no Redis."""
    if "," in value or ";" in value:  # of several, only the first would be checked
        raise UnfitValue("expected one server (in a password, %2C for a comma, %3B for ;)")
    if value:
        _check_url(value, schemes=("redis", "rediss"), more=_CACHE_OPTIONS)
    return value


def read_broker_address(url: str) -> BrokerAddress:
    """Split what `as_broker` accepted into what kombu takes."""
    parts = urlsplit(url)
    if parts.scheme != "amqps":
        return BrokerAddress(url=url, tls=False)
    options = _read_options(url)
    verifies = options.get(_VERIFY) != "none"
    tls = {
        "ca_certs": options.get(_CA),
        "certfile": options.get(_CERTIFICATE),
        "keyfile": options.get(_KEY),
        "cert_reqs": ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE,
        # py-amqp compares names only where it is told one.
        "server_hostname": parts.hostname if _checks_name(options) else None,
    }
    return BrokerAddress(url=url.partition("?")[0], tls=tls)


def refuse_empty_options(url: str) -> None:
    """Raise UnfitValue for `sslrootcert=` with nothing behind it, which would be passed over."""
    for name, text in _read_options(url).items():
        if not text:
            raise UnfitValue(f"{name}: expected a value")


def complete_database_tls(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return libpq's options of a URL; `sslrootcert` alone means sslmode=verify-full."""
    _refuse_unknown(options)
    root = options.get("sslrootcert")
    mode = options.get("sslmode", "verify-full" if root else None)
    _check_mode(mode, root=root)
    check_tls_files(
        ca=("sslrootcert", None if root == "system" else root),
        certificate=("sslcert", options.get("sslcert")),
        key=("sslkey", options.get("sslkey")),
        has_password="sslpassword" in options,
    )
    return dict(options) if mode is None else {**options, "sslmode": mode}


def find_skipped_check(url: str) -> str:
    """Return the option of a broker's or cache's URL that leaves a check out, "" for none."""
    if url.partition("://")[0] not in _ENCRYPTED:
        return ""
    options = _read_options(url)
    skipping = {_VERIFY: "none", _CHECK_NAME: "false"}
    skipped = (f"{name}={word}" for name, word in skipping.items() if options.get(name) == word)
    return next(skipped, "")


def find_weak_mode(options: Mapping[str, Any]) -> str:
    """Return the sslmode of a database's options that may encrypt for an impostor; "" for none.

    No sslmode and sslmode=disable are decisions for a private network, and not weak.
    """
    mode = options.get("sslmode", "")
    return f"sslmode={mode}" if mode in ("allow", "prefer", "require", "verify-ca") else ""


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = {each.keyword.decode() for each in Conninfo.get_defaults()} | _DJANGO_OPTIONS
    if unknown := sorted(options.keys() - known):
        raise UnfitValue(f"PostgreSQL has no option {unknown[0]}")


def _check_mode(mode: Any, *, root: Any) -> None:
    if mode is not None and mode not in _SSL_MODES:
        raise UnfitValue(f"sslmode: expected one of {', '.join(_SSL_MODES)}")
    if mode in _VERIFYING and not root:
        raise UnfitValue(f"sslmode={mode} needs sslrootcert=FILE, the CA to verify with")
    if root and mode not in _VERIFYING:
        raise UnfitValue(f"sslmode={mode} does not verify: expected verify-full with sslrootcert")


def _check_url(url: str, *, schemes: Iterable[str], more: Iterable[str] = ()) -> None:
    scheme = url.partition("://")[0]
    if scheme not in schemes:
        raise ValueError
    options = _read_options(url)
    allowed = (*_TLS_OPTIONS, *more)
    for name, text in options.items():
        if name not in allowed:
            raise UnfitValue(f"there is no option {name}: expected one of {', '.join(allowed)}")
        if name in _TLS_OPTIONS and scheme not in _ENCRYPTED:
            raise UnfitValue(f"{name} goes with {scheme}s://; {scheme}:// is not encrypted")
        if name in _WORDS and text not in _WORDS[name]:
            raise UnfitValue(f"{name}: expected {' or '.join(_WORDS[name])}")
    check_tls_files(
        ca=(_CA, options.get(_CA)),
        certificate=(_CERTIFICATE, options.get(_CERTIFICATE)),
        key=(_KEY, options.get(_KEY)),
    )


def _read_options(url: str) -> dict[str, str]:
    """Of an option that is said twice the first counts, as for redis-py and for the database."""
    return dict(reversed(parse_qsl(urlsplit(url).query, keep_blank_values=True)))


def _checks_name(options: Mapping[str, str]) -> bool:
    return options.get(_VERIFY) != "none" and options.get(_CHECK_NAME) != "false"
