"""Reading EMAIL_PROVIDERS and PUSH_PROVIDERS: one URL for each provider, in failover order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, unquote, urlsplit

from apps.delivery.providers.contract import Channel, InvalidProviderUrl, Timeouts
from apps.delivery.providers.schemes import SCHEMES, Scheme
from apps.delivery.providers.url_options import (
    Rate,
    parse_endpoint,
    parse_provider_name,
    parse_rate,
    parse_timeouts,
    read_url_options,
)

__all__ = [
    "InvalidProviderUrl",
    "ProviderUrl",
    "Rate",
    "check_channel",
    "check_names_differ",
    "parse_provider_urls",
]

SEPARATOR = re.compile(r",(?=\s*[A-Za-z0-9+.-]+://)")
ENCODING_HINT = "percent-encode / ? # @ : % in keys and passwords"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUrl:
    """One provider as configured. Whatever may be secret stays out of its repr."""

    name: str
    scheme: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    host: str = ""
    port: int | None = None
    path: str = ""
    endpoint: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    rate: Rate | None = None
    webhook_key: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def longest_call_seconds(self) -> float:
        """The built provider's own, without building it."""
        if self.scheme in ("smtp", "smtps"):
            return self.timeouts.longest_conversation
        return 0.0 if self.scheme == "capture" else self.timeouts.longest_request


def parse_provider_urls(text: str, *, channel: Channel | None = None) -> list[ProviderUrl]:
    """Read comma-separated provider URLs; at least one, with names that differ.

    A comma inside a password does no harm: only one before the next scheme:// separates.
    With `channel`, a provider of the other channel is refused too. Raises InvalidProviderUrl.
    """
    pieces = [piece.strip(" \t\r\n,") for piece in SEPARATOR.split(text)]
    urls = [_parse_provider_url(piece, place=n) for n, piece in enumerate(pieces, 1) if piece]
    if not urls:
        raise InvalidProviderUrl("expected at least one provider URL, such as capture://")
    for url in urls:
        check_channel(url, channel=channel)
    return _make_names_unique(urls)


def check_channel(url: ProviderUrl, *, channel: Channel | None) -> None:
    """Raise InvalidProviderUrl where the scheme is unknown or does not serve the channel."""
    scheme = SCHEMES.get(url.scheme)
    fitting = [name for name, one in SCHEMES.items() if channel is None or channel in one.channels]
    if scheme is None or (channel is not None and channel not in scheme.channels):
        raise InvalidProviderUrl(
            f"{url.name} cannot send {channel or 'anything'}: "
            f"expected one of the schemes {', '.join(fitting)}"
        )


def check_names_differ(email: Sequence[ProviderUrl], push: Sequence[ProviderUrl]) -> None:
    """Raise InvalidProviderUrl where a name stands for two providers, one of each channel.

    They would share a breaker, a rate and a line in the statistics. capture:// has no breaker.
    """
    chosen = {url.name for url in email if url.scheme != "capture"}
    for url in push:
        if url.scheme != "capture" and url.name in chosen:
            raise InvalidProviderUrl(
                f"{url.name} is the name of an e-mail and of a push provider:"
                " expected a different ?name="
            )


def _parse_provider_url(text: str, *, place: int) -> ProviderUrl:
    scheme_name = text.partition("://")[0].lower()
    scheme = SCHEMES.get(scheme_name)
    if scheme is None:
        known = ", ".join(SCHEMES)
        raise InvalidProviderUrl(f"provider {place}: expected one of the schemes {known}")
    label = f"provider {place} ({scheme_name})"
    split, port = _split_provider_url(text, scheme=scheme, label=label)
    parts = _read_parts(split, port=port, scheme=scheme, label=label)
    options = read_url_options(split.query, scheme=scheme, label=label)
    return ProviderUrl(
        name=parse_provider_name(options.pop("name", None), label=label),
        scheme=scheme_name,
        port=port,
        rate=parse_rate(options.pop("rate", None), label=label),
        endpoint=parse_endpoint(options.pop("endpoint", None), label=label),
        timeouts=parse_timeouts(options.pop("timeout", None), label=label),
        webhook_key=options.pop("webhook_key", ""),
        options=options,
        **parts,
    )


def _split_provider_url(
    text: str, *, scheme: Scheme, label: str
) -> tuple[SplitResult, int | None]:
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError:
        # Not chained: urllib's message repeats a part of the URL, which may be the password.
        raise InvalidProviderUrl(f"{label}: expected {scheme.shape}; {ENCODING_HINT}") from None
    return split, port


def _read_parts(
    split: SplitResult, *, port: int | None, scheme: Scheme, label: str
) -> dict[str, str]:
    # Only the path of a file keeps its slashes: elsewhere it holds one name, such as a domain.
    path = split.path if split.scheme == "fcm" else split.path.strip("/")
    parts = {
        "username": unquote(split.username or ""),
        "password": unquote(split.password or ""),
        "host": split.hostname or "",
        "path": unquote(path),
    }
    present = {part for part, value in parts.items() if value}
    present |= {"port"} if port is not None else set()
    fits = scheme.required <= present <= scheme.required | scheme.allowed
    if not fits or port == 0 or split.fragment:
        raise InvalidProviderUrl(f"{label}: expected {scheme.shape}; {ENCODING_HINT}")
    _check_parts(parts, label=label)
    return parts


def _check_parts(parts: Mapping[str, str], *, label: str) -> None:
    for part, value in parts.items():
        # HTTP headers and SMTP's AUTH carry ASCII only; a line break would be an injection.
        if not value.isprintable() or not (value.isascii() or part == "path"):
            raise InvalidProviderUrl(f"{label}: the {part} must be printable ASCII")
    if bool(parts["password"]) > bool(parts["username"]):
        raise InvalidProviderUrl(f"{label}: expected a user name before the password")


def _make_names_unique(urls: list[ProviderUrl]) -> list[ProviderUrl]:
    """Chosen names must differ; the others are made from scheme and host, numbered if need be."""
    chosen = [url.name for url in urls if url.name]
    if len(set(chosen)) != len(chosen):
        raise InvalidProviderUrl("two providers have the same ?name=: expected different ones")
    taken = set(chosen)
    named = []
    for url in urls:
        name = url.name or _find_free_name(url, taken)
        taken.add(name)
        named.append(replace(url, name=name))
    return named


def _find_free_name(url: ProviderUrl, taken: set[str]) -> str:
    scheme = url.scheme.removeprefix("anymail+")
    base = re.sub(r"[^a-z0-9_.-]", "-", f"{scheme}-{url.host}".rstrip("-"))[:60]
    number = 1
    while (name := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return name
