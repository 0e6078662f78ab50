"""The options after the `?` of a provider URL: which there may be, and what their values mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from apps.delivery.providers.contract import InvalidProviderUrl, Timeouts
from apps.delivery.providers.schemes import OPTION_WORDS, Scheme

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
RATE = re.compile(r"(\d{1,6})/(\d{0,4})([smh])")
SECONDS = {"s": 1, "m": 60, "h": 3600}
LONGEST_TIMEOUT = 30.0  # a longer one would outlive the lease on the notification
COMMON_OPTIONS = frozenset({"name", "rate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `count` sends in each `seconds`."""

    count: int
    seconds: int


def read_url_options(query: str, *, scheme: Scheme, label: str) -> dict[str, str]:
    """The options by name, each known to the scheme and given once."""
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    known = scheme.options | COMMON_OPTIONS
    if not options.keys() <= known or len(options) != len(pairs):
        known_list = ", ".join(sorted(known))
        raise InvalidProviderUrl(f"{label}: expected each option once, out of {known_list}")
    if not scheme.required_options <= options.keys():
        raise InvalidProviderUrl(f"{label}: expected {scheme.shape}")
    _check_words(options, label=label)
    return options


def _check_words(options: Mapping[str, str], *, label: str) -> None:
    for option, words in OPTION_WORDS.items():
        if options.get(option, words[0]) not in words:
            raise InvalidProviderUrl(f"{label}: {option} must be {' or '.join(words)}")
    if not all(value and value.isprintable() for value in options.values()):
        raise InvalidProviderUrl(f"{label}: every option needs a printable value")


def parse_provider_name(text: str | None, *, label: str) -> str:
    """The chosen name, or "" where none was chosen."""
    if text is not None and not NAME.fullmatch(text):
        raise InvalidProviderUrl(
            f"{label}: name must be 1-64 of a-z 0-9 _ . - and begin with a letter or digit"
        )
    return text or ""


def parse_rate(text: str | None, *, label: str) -> Rate | None:
    """`50/s`, `600/m`, `1000/15m`."""
    if text is None:
        return None
    match = RATE.fullmatch(text)
    rate = match and Rate(count=int(match[1]), seconds=int(match[2] or 1) * SECONDS[match[3]])
    if not rate or not rate.count or not rate.seconds:
        raise InvalidProviderUrl(f"{label}: rate must be such as 50/s, 600/m or 1000/15m")
    return rate


def parse_timeouts(text: str | None, *, label: str) -> Timeouts:
    """Seconds to wait for an answer; the wait for a connection never grows by it."""
    if text is None:
        return Timeouts()
    seconds = float(text) if re.fullmatch(r"\d{1,3}(\.\d{1,3})?", text) else 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise InvalidProviderUrl(f"{label}: timeout must be seconds, at most {LONGEST_TIMEOUT:g}")
    return Timeouts(connect=min(Timeouts().connect, seconds), read=seconds)


def parse_endpoint(text: str | None, *, label: str) -> str | None:
    """Where an HTTP provider's calls go instead, without a slash at the end."""
    if text is None or _is_endpoint(text):
        return text and text.rstrip("/")
    raise InvalidProviderUrl(
        f"{label}: endpoint must be such as https://host or http://127.0.0.1:9099"
    )


def _is_endpoint(text: str) -> bool:
    try:
        split = urlsplit(text)
        reachable = bool(split.hostname) and split.port != 0
    except ValueError:
        return False
    extras = split.username or split.query or split.fragment
    return split.scheme in ("http", "https") and reachable and not extras
