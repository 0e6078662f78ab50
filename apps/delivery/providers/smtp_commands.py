"""What an SMTP session sends for a mail, and what its answers and losses mean (RFC 5321)."""

import re
import smtplib
from collections.abc import Callable
from dataclasses import dataclass

from apps.delivery.providers.contract import (
    EmailMessage,
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
)
from apps.delivery.providers.smtp_connect import name_loss

START_OF_DATA = 354
TOO_LARGE = 552
AUTHENTICATION_CODES = frozenset({530, 535, 538})
CRLF = b"\r\n"

Explain = Callable[[int, str], ProviderError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """From whom and to whom; `build` makes the bytes of `message`, 8-bit where it may."""

    message: EmailMessage
    sender: str
    recipient: str
    needs_smtputf8: bool
    build: Callable[[bool], bytes]


@dataclass(frozen=True, slots=True)
class Command:
    """A line, what another answer than the expected one means, and the expected one if not 2xx."""

    line: bytes
    explain: Explain
    expected: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A mail as one session takes it: its commands up to DATA, and what follows them."""

    message: EmailMessage
    commands: tuple[Command, ...]
    data: bytes


class ConnectionDropped(Transient):
    """The connection ended, or has to, before the message was handed over."""


def join_lines(draft: Draft) -> bytes:
    """Return the commands up to DATA as they leave in one write."""
    return b"".join(command.line + CRLF for command in draft.commands)


def explain_loss(error: smtplib.SMTPServerDisconnected) -> ConnectionDropped:
    """Return what a loss means before the message was handed over."""
    reason = name_loss(error)
    return ConnectionDropped(f"lost before the message: {reason}", code=reason)


def explain_sender(code: int, words: str) -> ProviderError:
    """Return what a refused MAIL means: the sender is ours, so that is for an operator."""
    if code < 500:
        return Transient(words, code=f"smtp_{code}")
    if code == TOO_LARGE:  # the answer to SIZE, RFC 1870
        return Permanent(words, code=f"smtp_{code}")
    return Misconfigured(words, code=f"smtp_{code}")


def explain_recipient(code: int, words: str) -> ProviderError:
    """Return what a refused RCPT, DATA or RSET means."""
    if code < 500:
        return Transient(words, code=f"smtp_{code}")
    if code in AUTHENTICATION_CODES:
        return Misconfigured(words, code="authentication_failed")
    return Permanent(words, code=f"smtp_{code}")


def stuff_dots(data: bytes) -> bytes:
    """Transparency, RFC 5321 section 4.5.2."""
    if b"\n." not in data and not data.startswith(b"."):
        return data
    return re.sub(rb"(?m)^\.", b"..", data)
