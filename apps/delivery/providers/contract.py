"""What every provider takes, answers and raises: messages, the interface, the four errors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar, runtime_checkable

Channel = Literal["email", "push"]
Platform = Literal["ios", "android", "web"]

OWN_WORK_SECONDS = 1.0  # composing, encrypting, a busy machine: whatever is not waiting
LONGEST_IDENTITY = 255  # what the ledger keeps of a provider's id
LONGEST_QUOTE = 500  # the timeline shows a sentence, not a provider's HTML page


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailMessage:
    """One mail to one person. `message_id` keeps its <> and stays the same over repeats.

    `hosted` names templates that providers keep (by the scheme of their URL), for which the
    `variables` are meant; then subject, text and html are for the other providers, if not "".
    """

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
    hosted: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_hosted_alone(self) -> bool:
        """Is there nothing to send without a provider's template?"""
        return bool(self.hosted) and not (self.text or self.html)


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
    """Seconds to wait for a connection, and for each answer on it; a whole call is bounded too."""

    connect: float = 5.0
    read: float = 10.0

    @property
    def longest_request(self) -> float:
        """Seconds that one request can take, from its begin to the end of its answer."""
        return self.connect + self.read + OWN_WORK_SECONDS

    @property
    def longest_conversation(self) -> float:
        """Seconds that an exchange of several commands and answers can take, such as SMTP's."""
        return self.connect + 2 * self.read + OWN_WORK_SECONDS


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


class NotHosted(Permanent):
    """All that is named are templates that other providers keep: one of those may send it."""


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

    @property
    def longest_call_seconds(self) -> float:
        """No `send` takes longer; the lease on a notification has to cover it."""

    def send(self, message: MessageT_contra) -> str:
        """Hand over one message and return the provider's id for it.

        Sends at most once and never tries again by itself. Raises only `ProviderError`s. The id
        and the errors' words are clean (see `clean_identity` and `quote_provider`).
        """

    def close(self) -> None:
        """Give the kept connections back; nothing is sent after it."""


@runtime_checkable
class ForeseeingProvider(Protocol):
    """A mail provider that saves a round trip when it knows what comes next."""

    def send_foreseeing(self, message: EmailMessage, following: EmailMessage | None) -> str:
        """As `send`; `following` is probably the next one, and is not sent before its own call."""


def quote_provider(words: str | bytes, *, secrets: Iterable[str] = ()) -> str:
    """A provider's own words on one line, with the secrets cut out, trimmed for the timeline.

    Without control characters, lone surrogates and what else cannot be printed or stored.
    """
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    # Cut before it is cleaned too: a provider's page may be a megabyte.
    return " ".join(_replace_unprintable(text[: 4 * LONGEST_QUOTE], " ").split())[:LONGEST_QUOTE]


def clean_identity(identity: str) -> str:
    """A provider's id as it can be stored and found again: printable, and no longer than that."""
    return _replace_unprintable(identity[:LONGEST_IDENTITY], "").strip()


def _replace_unprintable(text: str, replacement: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else replacement for char in text)
