"""One SMTP connection (RFC 5321), and what a failure in each phase of a message means."""

import contextlib
import re
import select
import smtplib
import socket

from apps.delivery.providers.contract import (
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
    quote_provider,
)
from apps.delivery.providers.deadline import end_earlier, end_within
from apps.delivery.providers.smtp_commands import (
    CRLF,
    START_OF_DATA,
    Command,
    ConnectionDropped,
    Draft,
    Envelope,
    explain_loss,
    explain_recipient,
    explain_sender,
    join_lines,
    stuff_dots,
)
from apps.delivery.providers.smtp_connect import SmtpServer, connect_smtp, name_loss

SERVICE_CLOSING = 421  # the server ends the connection, in any phase
QUEUE_ID = re.compile(r"\bqueued as (\S{1,100})", re.IGNORECASE)  # Postfix and its imitators
GOODBYE_SECONDS = 1.0
VERDICT_SHARE = 0.25  # of the read timeout: kept for the answer to the dot, however late it is


class SmtpSession:
    """A connection that takes one message after the other, until it is `usable` no more."""

    def __init__(self, server: SmtpServer) -> None:
        self._read_timeout = server.timeouts.read
        self._secrets = [server.password]
        self._smtp = connect_smtp(server)
        self._pipelines = self._smtp.has_extn("pipelining")
        self._announced: Draft | None = None

    @property
    def usable(self) -> bool:
        return self._smtp.sock is not None

    def can_take(self, envelope: Envelope) -> bool:
        """Not while another message is announced."""
        return self._announced is None or self._announced.message == envelope.message

    def deliver(self, envelope: Envelope, *, following: Envelope | None = None) -> str:
        """Hand over one mail and return the server's queue id, "" where it names none.

        `following` is announced in the same write where the server pipelines (RFC 2920): that
        saves its round trip, and only it can be delivered next.
        Raises ConnectionDropped when the mail is surely not taken and the connection is lost, and
        the contract's errors.
        """
        with end_earlier(self._read_timeout * VERDICT_SHARE):
            if self._pipelines:
                foreseen = self._foresee(following)
                self._hand_over(self._ask_together(envelope), is_last=foreseen is None)
                self._announce(foreseen)
            else:
                self._hand_over(self._ask_one_by_one(envelope))
        return self._read_verdict()

    def close(self) -> None:
        """Say goodbye, shortly, and close; safe to repeat."""
        with contextlib.suppress(OSError), end_within(GOODBYE_SECONDS):
            # smtplib's errors are OSErrors too
            # Into an announced message, QUIT would be its content.
            if self._smtp.sock is not None and self._announced is None:
                self._smtp.docmd("QUIT")
        self._smtp.close()

    def abandon(self) -> None:
        """Close without a word."""
        self._smtp.close()

    def _prepare(self, envelope: Envelope) -> Draft:
        data = envelope.build(self._smtp.has_extn("8bitmime"))
        options = self._choose_options(envelope, data)
        commands = (
            Command(f"MAIL FROM:<{envelope.sender}>{options}".encode(), explain_sender),
            Command(f"RCPT TO:<{envelope.recipient}>".encode(), explain_recipient),
            Command(b"DATA", explain_recipient, START_OF_DATA),
        )
        return Draft(envelope.message, commands, stuff_dots(data) + b".\r\n")

    def _foresee(self, following: Envelope | None) -> Draft | None:
        """One that cannot be built, whatever the reason, says so when it is its turn."""
        with contextlib.suppress(Exception):
            return self._prepare(following) if following else None
        return None

    def _ask_one_by_one(self, envelope: Envelope) -> Draft:
        draft = self._prepare(envelope)
        for command in draft.commands:
            self._send(command.line + CRLF)
            refusal = self._hear(command)
            if refusal is not None:
                self._reset()
                raise refusal
        return draft

    def _ask_together(self, envelope: Envelope) -> Draft:
        announced, self._announced = self._announced, None
        draft = announced or self._prepare(envelope)
        if announced is None:
            self._send(join_lines(draft))
        self._hear_all(draft)
        if announced is not None and self._has_ended():
            # The permission came before the end: without this, the message would be in doubt.
            raise self._drop("lost before the message", code="connection_lost")
        return draft

    def _hear_all(self, draft: Draft) -> None:
        """Read every answer, and raise the first refusal: it is also why the others refuse."""
        answers: list[ProviderError | None] = []
        self._acknowledge()
        try:
            for command in draft.commands:
                answers.append(self._hear(command))  # noqa: PERF401  # those before a loss count
        except ConnectionDropped:
            for refusal in filter(None, answers):  # a server may hang up after it has refused
                raise refusal from None
            raise
        refusals = [answer for answer in answers if answer is not None]
        if not refusals:
            return
        if answers[-1] is None:
            # The server waits for the message of a refused mail: there is no other way out.
            self._smtp.close()
        self._reset()
        raise refusals[0]

    def _has_ended(self) -> bool:
        """Has the server sent what nobody asked for: a goodbye, or the end of the connection?"""
        if self._smtp.sock is None:
            return True
        poll = select.poll()
        poll.register(self._smtp.sock, select.POLLIN)
        return bool(poll.poll(0))

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

    def _hear(self, command: Command) -> ProviderError | None:
        """Return what the answer to a command refuses, None where it is as expected."""
        code, words = self._read_answer()
        if code == command.expected or (command.expected is None and 200 <= code < 300):
            return None
        if 400 <= code < 600:
            return command.explain(code, f"{code} {words}")
        raise self._drop("the server's answer is unreadable", code="unreadable_answer")

    def _send(self, lines: bytes) -> None:
        self._renew_timeout()
        try:
            self._smtp.send(lines)
        except smtplib.SMTPServerDisconnected as exc:
            raise explain_loss(exc) from exc

    def _read_answer(self) -> tuple[int, str]:
        """Nothing is handed over yet, so that every loss here is a ConnectionDropped."""
        self._renew_timeout()
        try:
            code, answer = self._smtp.getreply()
        except smtplib.SMTPServerDisconnected as exc:
            raise explain_loss(exc) from exc
        except smtplib.SMTPResponseException as exc:  # smtplib's own, for an endless line
            raise self._drop("the server's answer is endless", code="unreadable_answer") from exc
        words = quote_provider(answer, secrets=self._secrets)
        if code == SERVICE_CLOSING:
            raise self._drop(f"{code} {words}", code=f"smtp_{code}")
        return code, words

    def _hand_over(self, draft: Draft, *, is_last: bool = True) -> None:
        """Send the message, or have it leave with what is sent right after it."""
        self._renew_timeout()
        send = self._smtp.send if is_last else self._smtp.send_held
        try:
            # One call: where it fails, the dot at its end has not left.
            send(draft.data)
        except smtplib.SMTPServerDisconnected as exc:
            reason = name_loss(exc)
            raise ConnectionDropped(f"lost within the message: {reason}", code=reason) from exc

    def _announce(self, following: Draft | None) -> None:
        """Send the next one's commands right after the message, before its answer."""
        if following is None:
            return
        try:
            self._smtp.send(join_lines(following))
        except smtplib.SMTPServerDisconnected as exc:
            reason = name_loss(exc)
            raise Uncertain(f"no answer to the message: {reason}", code=reason) from exc
        self._announced = following

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
            self._send(b"RSET" + CRLF)
            is_fit = self._hear(Command(b"RSET", explain_recipient)) is None
        except ProviderError:
            is_fit = False
        if not is_fit:
            self._smtp.close()  # not fit for another message; the refusal itself is reported

    def _acknowledge(self) -> None:
        """Let a server go on that holds its next answer back until the last one is acknowledged.

        Many do (Nagle's algorithm, RFC 896), and Linux would wait 40 ms.
        """
        if self._smtp.sock is not None and hasattr(socket, "TCP_QUICKACK"):
            self._smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _renew_timeout(self) -> None:
        """The socket shortens it where the call has less time left."""
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(self._read_timeout)

    def _drop(self, words: str, *, code: str) -> ConnectionDropped:
        self._smtp.close()
        return ConnectionDropped(words, code=code)
