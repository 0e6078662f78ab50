"""How the text of an environment variable becomes a setting's value; ValueError when it cannot."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import environ

from notifier.tls_options import complete_database_tls, refuse_empty_options

MIN_SECRET_LENGTH = 32


def as_text(value: str) -> str:
    return value


def as_list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def as_origins(value: str) -> list[str]:
    """Return exact origins (scheme, host, port): no `*`, no path, nothing that matches more."""
    origins = as_list(value)
    for origin in origins:
        if as_web_address(origin) != origin or urlsplit(origin).path or "*" in origin:
            raise ValueError
    return origins


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError
        return value

    return parse


def number(*, at_least: float, at_most: float = 1e9) -> Callable[[str], float]:
    def parse(value: str) -> float:
        number = float(value)
        if not at_least <= number <= at_most:
            raise ValueError
        return number

    return parse


def integer(*, at_least: int, at_most: int = 10**9) -> Callable[[str], int]:
    def parse(value: str) -> int:
        number = int(value)
        if not at_least <= number <= at_most:
            raise ValueError
        return number

    return parse


def as_switch(value: str) -> bool:
    return {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}[
        value.lower()
    ]


def as_web_address(value: str) -> str:
    """Return the address that paths are appended to, without the slash at its end."""
    url = urlsplit(value)
    _ = url.port  # raises ValueError for what is no number
    # Whatever would end the address in a header, or begin another part of it.
    if url.scheme not in ("http", "https") or not url.hostname or set(value) & set(" <>?#@\"'"):
        raise ValueError
    if not (value.isascii() and value.isprintable()):
        raise ValueError
    return value.rstrip("/")


def as_collector(value: str) -> str:
    """Return a collector's address without the slash at its end, "" for none."""
    return as_web_address(value) if value else ""


def as_listener(value: str) -> tuple[str, int] | None:
    """Return the address and port to listen on, None for nowhere."""
    if not value:
        return None
    host, _, port = value.rpartition(":")
    if not host:
        raise ValueError
    return host.strip("[]"), integer(at_least=1, at_most=65_535)(port)


def as_database(value: str) -> dict[str, Any]:
    if value.partition("://")[0] not in ("postgres", "postgresql", "sqlite"):
        raise ValueError
    found: dict[str, Any] = environ.Env.db_url_config(value)
    if value.startswith("sqlite"):
        return found
    refuse_empty_options(value)
    return found | {"OPTIONS": complete_database_tls(found.get("OPTIONS", {}))}


def as_replica(value: str) -> dict[str, Any]:
    """Return a replica's settings, none for no replica; SQLite has no replicas."""
    if value.startswith("sqlite"):
        raise ValueError
    return as_database(value) if value else {}


def as_secret(value: str) -> str:
    if len(value) < MIN_SECRET_LENGTH:
        raise ValueError
    return value


def as_secrets(value: str) -> list[str]:
    return [as_secret(part.strip()) for part in value.split(",")]
