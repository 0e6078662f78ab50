"""What every provider takes, answers and raises: messages, the interface, the four errors."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

Channel = Literal["email", "push"]
Platform = Literal["ios", "android", "web"]

LONGEST_QUOTE = 500  # the timeline shows a sentence, not a provider's HTML page


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailMessage:
    """One mail to one person. `message_id` keeps its <> and stays the same over repeats."""

    notification_id: str
    attempt: int
    message_id: str
    sender: str  # "Name <address>" or a bare address
    recipient: str  # exactly one bare address
    subject: str
    text: str
    html: str  # "" is none
    headers: Mapping[str, str]
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessage:
    """One push to one device."""

    notification_id: str
    attempt: int
    token: str
    platform: Platform
    title: str
    body: str
    image: str | None
    link: str | None
    data: Mapping[str, str]
    high_priority: bool
    ttl_seconds: int | None
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait for a connection, and for each answer on it."""

    connect: float = 5.0
    read: float = 10.0


class InvalidProviderUrl(ValueError):
    """A provider's URL or file cannot work: one line that says what is expected, no secrets."""


class ProviderError(Exception):
    """The message was not, or not surely, taken; `code` is short and stable, for the timeline."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Transient(ProviderError):
    """Not taken; worth another try, after `retry_after` seconds where the provider named them."""

    def __init__(self, message: str, *, code: str, retry_after: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Permanent(ProviderError):
    """Never taken, however often it is tried; `recipient_gone`: the device exists no more."""

    def __init__(self, message: str, *, code: str, recipient_gone: bool = False) -> None:
        super().__init__(message, code=code)
        self.recipient_gone = recipient_gone


class Misconfigured(ProviderError):
    """Not taken because of our credentials, sender or settings: an operator has to act."""


class Uncertain(ProviderError):
    """Perhaps taken: the message was handed over and no readable answer came back."""


MessageT_contra = TypeVar("MessageT_contra", EmailMessage, PushMessage, contravariant=True)


class Provider(Protocol[MessageT_contra]):
    """A way to send; built after the fork, used by any thread, closed by its owner."""

    @property
    def name(self) -> str: ...

    @property
    def channel(self) -> Channel: ...

    def send(self, message: MessageT_contra) -> str:
        """Hand over one message and return the provider's id for it.

        Sends at most once and never tries again by itself. Raises only `ProviderError`s.
        """

    def close(self) -> None:
        """Give the kept connections back; nothing is sent after it."""


def quote_provider(words: str | bytes, *, secrets: Iterable[str] = ()) -> str:
    """A provider's own words on one line, with the secrets cut out, trimmed for the timeline."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:LONGEST_QUOTE]
