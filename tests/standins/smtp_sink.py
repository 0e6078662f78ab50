"""A stand-in for an SMTP server: takes every mail, delivers none.

The local part of a recipient chooses what happens: `bounce550@` and `grey451@` are refused with
that code at RCPT, `once451@` only the first time, `data554@` after the message, `slow2@` waits
two seconds before the answer to the message, `drop-after-data@` closes the connection instead of
answering it. Behaviour targets are the stages `mail`, `rcpt` and `data`; `refuse` greets with 421.
"""

import asyncio
import base64
import datetime
import itertools
import re
import time
from argparse import Namespace
from collections.abc import Iterable
from email import message_from_bytes
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from ssl import SSLContext
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.standins.certificate import build_tls_context
from tests.standins.control import HANG_SECONDS, Standin, build_parser, run_standin

REFUSED_RECIPIENT = re.compile(r"(?:bounce|grey)([45]\d\d)@")
REFUSED_ONCE = re.compile(r"once([45]\d\d)@")
REFUSED_DATA = re.compile(r"data([45]\d\d)@")
SLOW = re.compile(r"slow(\d+)@")
DROPPED = re.compile(r"(drop-after-data)@")
USUAL_CODE = 451
GARBAGE = "gateway trouble"


class NumberedConnection(SMTP):
    """One connection, with a number that shows whether connections are kept."""

    def __init__(self, handler: Any, *, number: int, **options: Any) -> None:
        super().__init__(handler, enable_SMTPUTF8=True, hostname="standin.test", **options)
        self.number = number


class Refusal(asyncio.Protocol):
    """A connection that is turned away at the door."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 standin.test closing\r\n")
            transport.close()


class Sink:
    """aiosmtpd's hooks; each returns the answer that the client gets."""

    def __init__(self, standin: Standin) -> None:
        self._standin = standin
        self._seen_once: set[str] = set()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self,
        server: NumberedConnection,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if answer := await self._meet_fault("mail", server, {"mail_from": address}):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: NumberedConnection,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if answer := await self._meet_fault("rcpt", server, {"rcpt_to": address}):
            return answer
        if code := self._refuse_recipient(address):
            self._record("rcpt", "refused", server, code=code, rcpt_to=address)
            return f"{code} <{address}> the stand-in refuses this recipient"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    def _refuse_recipient(self, address: str) -> int:
        once = REFUSED_ONCE.match(address)
        if once and address not in self._seen_once:
            self._seen_once.add(address)
            return int(once[1])
        always = REFUSED_RECIPIENT.match(address)
        return int(always[1]) if always else 0

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: NumberedConnection, session: Session, envelope: Envelope
    ) -> str:
        await self._standin.wait_latency()
        # What came after the message, before its answer: the next one's commands.
        facts = {**describe_mail(session, envelope), "was_pipelined": has_more_input(server)}
        if answer := await self._meet_fault("data", server, facts):
            return answer
        if code := find_option(REFUSED_DATA, envelope.rcpt_tos):
            self._record("data", "refused", server, code=int(code), **facts)
            return f"{code} stand-in refuses this message"
        if find_option(DROPPED, envelope.rcpt_tos):
            return self._drop(server, facts)
        self._record("data", "accepted", server, code=250, **facts)
        await asyncio.sleep(int(find_option(SLOW, envelope.rcpt_tos) or 0))
        return "250 OK"

    def _drop(self, server: NumberedConnection, facts: dict[str, Any]) -> str:
        self._record("data", "dropped", server, code=0, **facts)
        close_connection(server)
        return "250 never arrives"

    async def _meet_fault(
        self, stage: str, server: NumberedConnection, facts: dict[str, Any]
    ) -> str:
        """Return the answer that a fault of the behaviour gives, or "" when there is none."""
        match self._standin.behaviour.take_fault(stage):
            case "status":
                if stage != "data":  # there it has been waited for
                    await self._standin.wait_latency()
                code = self._standin.behaviour.code or USUAL_CODE
                self._record(stage, "refused", server, code=code, **facts)
                return f"{code} stand-in was told to refuse"
            case "garbage":
                self._record(stage, "garbage", server, code=0, **facts)
                return GARBAGE
            case "hang":
                self._record(stage, "hang", server, code=0, **facts)
                await asyncio.sleep(HANG_SECONDS)
            case "reset":
                return self._drop(server, facts)
        return ""

    def _record(
        self, stage: str, outcome: str, server: NumberedConnection, *, code: int, **facts: Any
    ) -> None:
        self._standin.journal.record(
            stage, outcome=outcome, code=code, connection=server.number, **facts
        )


class PipeliningSink(Sink):
    """Tells clients that it takes commands without waiting for each answer (RFC 2920)."""

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        server: NumberedConnection,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", *responses[-1:]]


def has_more_input(server: SMTP) -> bool:
    return bool(vars(server._reader)["_buffer"])  # noqa: SLF001  # the only sign of it


def close_connection(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.Transport):
        server.transport.close()


def find_option(pattern: re.Pattern[str], addresses: Iterable[str | None]) -> str:
    """Return what the pattern caught in the first address that it fits, or ""."""
    found = (pattern.match(address or "") for address in addresses)
    return next((match[1] for match in found if match), "")


def describe_mail(session: Session, envelope: Envelope) -> dict[str, Any]:
    """Return the facts of a message: `raw` holds all its bytes in base64."""
    raw: bytes = envelope.original_content or b""
    login: Any = session.auth_data
    message = message_from_bytes(raw, policy=SMTP_POLICY)
    return {
        "mail_from": envelope.mail_from,
        "rcpt_tos": envelope.rcpt_tos,
        "message_id": message["Message-ID"],
        "notification_id": message["X-Notification-ID"],
        "subject": message["Subject"],
        "headers": [[name, str(value)] for name, value in message.items()],
        "tls": bool(session.ssl),
        "login": login.login.decode() if login else None,
        "raw": base64.b64encode(raw).decode(),
    }


def build_options(arguments: Namespace, context: SSLContext | None) -> dict[str, Any]:
    """Return aiosmtpd's options for STARTTLS and AUTH; empty for a server that wants neither."""
    options: dict[str, Any] = {"tls_context": context} if arguments.starttls else {}
    if not arguments.user:
        return options
    expected = LoginPassword(arguments.user.encode(), arguments.password.encode())

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        return AuthResult(success=given == expected, handled=False, auth_data=given)

    tls = bool(arguments.starttls)
    return {
        **options,
        "authenticator": authenticate,
        "auth_required": True,
        "auth_require_tls": tls,
    }


def read_clock() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(time.time(), datetime.UTC)


async def serve_smtp(standin: Standin, arguments: Namespace) -> asyncio.Server:
    wants_tls = arguments.starttls or arguments.tls
    context = build_tls_context(arguments.certificate, now=read_clock()) if wants_tls else None
    options = build_options(arguments, context)
    numbers = itertools.count(1)
    sink = PipeliningSink(standin) if arguments.pipelining else Sink(standin)

    def open_connection() -> asyncio.Protocol:
        standin.journal.count("connections")
        if standin.behaviour.refuse:
            return Refusal()
        return NumberedConnection(sink, number=next(numbers), **options)

    return await asyncio.get_running_loop().create_server(
        open_connection,
        "127.0.0.1",
        arguments.port,
        backlog=1024,
        ssl=context if arguments.tls else None,
    )


def main() -> None:
    parser = build_parser(__doc__)
    parser.add_argument("--starttls", action="store_true", help="offer STARTTLS")
    parser.add_argument("--pipelining", action="store_true", help="offer PIPELINING")
    parser.add_argument("--tls", action="store_true", help="TLS from the first byte (smtps)")
    parser.add_argument("--certificate", type=Path, help="PEM file; made where it is missing")
    parser.add_argument("--user", help="require AUTH with this name")
    parser.add_argument("--password", default="")
    arguments = parser.parse_args()
    run_standin(arguments, lambda standin: serve_smtp(standin, arguments))


if __name__ == "__main__":
    main()
