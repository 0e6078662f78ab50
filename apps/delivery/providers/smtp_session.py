"""One SMTP connection (RFC 5321), and what a failure in each phase of a message means."""

import contextlib
import re
import smtplib
from collections.abc import Callable
from dataclasses import dataclass

from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
    quote_provider,
)
from apps.delivery.providers.deadline import end_earlier, end_within
from apps.delivery.providers.smtp_connect import SmtpServer, connect_smtp, name_loss

SERVICE_CLOSING = 421  # the server ends the connection, in any phase
START_OF_DATA = 354
TOO_LARGE = 552
AUTHENTICATION_CODES = frozenset({530, 535, 538})
QUEUE_ID = re.compile(r"\bqueued as (\S{1,100})", re.IGNORECASE)  # Postfix and its imitators
GOODBYE_SECONDS = 1.0
VERDICT_SHARE = 0.25  # of the read timeout: kept for the answer to the dot, however late it is

Reply = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """From whom and to whom; `build` makes the bytes, with 8-bit bodies where it may."""

    sender: str
    recipient: str
    needs_smtputf8: bool
    build: Callable[[bool], bytes]


class ConnectionDropped(Transient):
    """The connection ended, or has to, before the message was handed over."""


class SmtpSession:
    """A connection that takes one message after the other, until it is `usable` no more."""

    def __init__(self, server: SmtpServer) -> None:
        self._read_timeout = server.timeouts.read
        self._secrets = [server.password]
        self._smtp = connect_smtp(server)

    @property
    def usable(self) -> bool:
        return self._smtp.sock is not None

    def deliver(self, envelope: Envelope) -> str:
        """Hand over one mail and return the server's queue id.

        The id is "" where the server names none. Raises ConnectionDropped when the mail is
        surely not taken and the connection is lost, and the contract's errors.
        """
        with end_earlier(self._read_timeout * VERDICT_SHARE):
            self._offer(envelope)
        return self._read_verdict()

    def close(self) -> None:
        """Say goodbye, shortly, and close; safe to repeat."""
        with contextlib.suppress(OSError), end_within(GOODBYE_SECONDS):
            # smtplib's errors are OSErrors too
            if self._smtp.sock is not None:
                self._smtp.docmd("QUIT")
        self._smtp.close()

    def abandon(self) -> None:
        """Close without a word."""
        self._smtp.close()

    def _offer(self, envelope: Envelope) -> None:
        """Everything up to the dot after the message."""
        data = envelope.build(self._smtp.has_extn("8bitmime"))
        options = self._choose_options(envelope, data)
        self._smtp.command_encoding = "utf-8" if envelope.needs_smtputf8 else "ascii"
        self._command(f"MAIL FROM:<{envelope.sender}>{options}", explain=_explain_sender)
        try:
            self._command(f"RCPT TO:<{envelope.recipient}>", explain=_explain_recipient)
            self._command("DATA", explain=_explain_recipient, expected=START_OF_DATA)
        except ProviderError:
            self._reset()
            raise
        self._hand_over(data)

    def _choose_options(self, envelope: Envelope, data: bytes) -> str:
        offers = self._smtp.has_extn
        if envelope.needs_smtputf8 and not offers("smtputf8"):
            raise Permanent(
                "the address is not ASCII and the server does not offer SMTPUTF8",
                code="smtputf8_not_offered",
            )
        options = {
            f" SIZE={len(data)}": offers("size"),
            " BODY=8BITMIME": offers("8bitmime") and not data.isascii(),
            " SMTPUTF8": envelope.needs_smtputf8,
        }
        return "".join(option for option, wanted in options.items() if wanted)

    def _command(
        self,
        line: str,
        *,
        explain: Callable[[int, str], ProviderError],
        expected: int | None = None,
    ) -> None:
        code, words = self._ask(line)
        if code == expected or (expected is None and 200 <= code < 300):
            return
        if 400 <= code < 600:
            raise explain(code, f"{code} {words}")
        raise self._drop("the server's answer is unreadable", code="unreadable_answer")

    def _ask(self, line: str) -> tuple[int, str]:
        """Nothing is handed over yet, so that every loss here is a ConnectionDropped."""
        self._renew_timeout()
        try:
            code, answer = self._smtp.docmd(line)
        except smtplib.SMTPServerDisconnected as exc:
            reason = name_loss(exc)
            raise ConnectionDropped(f"lost before the message: {reason}", code=reason) from exc
        except smtplib.SMTPResponseException as exc:  # smtplib's own, for an endless line
            raise self._drop("the server's answer is endless", code="unreadable_answer") from exc
        words = quote_provider(answer, secrets=self._secrets)
        if code == SERVICE_CLOSING:
            raise self._drop(f"{code} {words}", code=f"smtp_{code}")
        return code, words

    def _hand_over(self, data: bytes) -> None:
        self._renew_timeout()
        try:
            # One call: where it fails, the dot at its end has not left.
            self._smtp.send(_stuff_dots(data) + b".\r\n")
        except smtplib.SMTPServerDisconnected as exc:
            reason = name_loss(exc)
            raise ConnectionDropped(f"lost within the message: {reason}", code=reason) from exc

    def _read_verdict(self) -> str:
        self._renew_timeout()
        try:
            code, answer = self._smtp.getreply()
        except smtplib.SMTPServerDisconnected as exc:
            reason = name_loss(exc)
            raise Uncertain(f"no answer to the message: {reason}", code=reason) from exc
        except smtplib.SMTPResponseException as exc:
            raise Uncertain("the answer is endless", code="unreadable_answer") from exc
        return self._judge(code, quote_provider(answer, secrets=self._secrets))

    def _judge(self, code: int, words: str) -> str:
        if 200 <= code < 300:
            found = QUEUE_ID.search(words)
            return found[1] if found else ""
        if code == SERVICE_CLOSING or not 400 <= code < 600:
            self._smtp.close()
        if 400 <= code < 500:
            raise Transient(f"{code} {words}", code=f"smtp_{code}")
        if 500 <= code < 600:
            raise Permanent(f"{code} {words}", code=f"smtp_{code}")
        raise Uncertain("the answer to the message is unreadable", code="unreadable_answer")

    def _reset(self) -> None:
        """RSET, so that the refused recipient is not the next message's too."""
        if not self.usable:
            return
        try:
            self._command("RSET", explain=_explain_recipient)
        except ProviderError:
            self._smtp.close()  # not fit for another message; the refusal itself is reported

    def _renew_timeout(self) -> None:
        """The socket shortens it where the call has less time left."""
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(self._read_timeout)

    def _drop(self, words: str, *, code: str) -> ConnectionDropped:
        self._smtp.close()
        return ConnectionDropped(words, code=code)


def _explain_sender(code: int, words: str) -> ProviderError:
    if code < 500:
        return Transient(words, code=f"smtp_{code}")
    if code == TOO_LARGE:  # the answer to SIZE, RFC 1870
        return Permanent(words, code=f"smtp_{code}")
    return Misconfigured(words, code=f"smtp_{code}")


def _explain_recipient(code: int, words: str) -> ProviderError:
    if code < 500:
        return Transient(words, code=f"smtp_{code}")
    if code in AUTHENTICATION_CODES:
        return Misconfigured(words, code="authentication_failed")
    return Permanent(words, code=f"smtp_{code}")


def _stuff_dots(data: bytes) -> bytes:
    """Transparency, RFC 5321 section 4.5.2."""
    return re.sub(rb"(?m)^\.", b"..", data)
