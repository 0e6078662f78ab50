"""Opening an SMTP connection: TCP, greeting, TLS, login, and what their failures mean."""

import contextlib
import functools
import io
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from apps.delivery.providers.contract import (
    Misconfigured,
    ProviderError,
    Timeouts,
    Transient,
    quote_provider,
)
from apps.delivery.providers.deadline import end_within
from apps.delivery.providers.sockets import BoundedSocket, is_tls_refusal, open_socket

Security = Literal["implicit", "starttls", "none"]
LARGEST_REPLY = 64 * 1024  # smtplib bounds each line of an answer, not their number


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where to connect, and how; `helo` is the name that we give ourselves."""

    host: str
    port: int
    security: Security
    helo: str
    tls: ssl.SSLContext
    timeouts: Timeouts
    username: str = ""
    password: str = field(default="", repr=False)


class BoundedSmtp(smtplib.SMTP):
    """smtplib's client over a socket of ours, for smtps too, with answers of bounded size."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        super().__init__(
            server.host,
            server.port,
            local_hostname=server.helo,
            timeout=server.timeouts.connect,
        )

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connected within the timeout, TLS included; the greeting may take as any answer."""
        with end_within(timeout):
            opened: socket.socket = open_socket(host, port, seconds=timeout)
            if self._server.security == "implicit":
                opened = self._server.tls.wrap_socket(opened, server_hostname=host)
        opened.settimeout(self._server.timeouts.read)
        return opened

    def send_held(self, data: bytes) -> None:
        """As `send`, but the last packet is held back for what is sent next."""
        if not (isinstance(self.sock, BoundedSocket) and hasattr(socket, "MSG_MORE")):
            self.send(data)
            return
        try:
            self.sock.sendall(data, socket.MSG_MORE)
        except OSError as exc:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(exc)) from exc

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = ReplyReader(self.sock.makefile("rb", buffering=0))
        if self.file is not None:
            self.file.begin_reply()
        return super().getreply()


class ReplyReader(io.BufferedReader):
    """Lines of one answer after the other."""

    _left = 0

    def begin_reply(self) -> None:
        self._left = LARGEST_REPLY

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("the server's answer is endless")
        return line


def connect_smtp(server: SmtpServer) -> BoundedSmtp:
    """A connection that is ready for MAIL. Raises Transient or Misconfigured."""
    with _translate_errors(server):
        smtp = BoundedSmtp(server)
    try:
        with _translate_errors(server):
            for step in _prepare(smtp, server):
                step()
    except ProviderError:
        smtp.close()
        raise
    return smtp


def name_loss(error: smtplib.SMTPServerDisconnected) -> str:
    """`timeout` or `connection_lost`; smtplib tells them apart only by what it caught."""
    return "timeout" if isinstance(error.__context__, TimeoutError) else "connection_lost"


def _prepare(smtp: smtplib.SMTP, server: SmtpServer) -> Iterator[Callable[[], object]]:
    yield smtp.ehlo_or_helo_if_needed
    if server.security == "starttls":
        if not smtp.has_extn("starttls"):
            raise Misconfigured("the server does not offer STARTTLS", code="starttls_not_offered")
        yield functools.partial(smtp.starttls, context=server.tls)
        yield smtp.ehlo_or_helo_if_needed
    if server.username:
        yield functools.partial(smtp.login, server.username, server.password)


@contextlib.contextmanager
def _translate_errors(server: SmtpServer) -> Iterator[None]:
    """Nothing was handed over yet, so that no failure here is Uncertain."""
    try:
        yield
    except smtplib.SMTPResponseException as exc:
        raise _explain_reply(exc, server) from exc
    except smtplib.SMTPServerDisconnected as exc:
        reason = name_loss(exc)
        raise Transient(f"lost while connecting: {reason}", code=reason) from exc
    except smtplib.SMTPException as exc:  # no AUTH offered, or no mechanism that both know
        raise Misconfigured(quote_provider(str(exc)), code="authentication_failed") from exc
    except OSError as exc:
        raise _explain_socket_error(exc) from exc


def _explain_reply(error: smtplib.SMTPResponseException, server: SmtpServer) -> ProviderError:
    code = error.smtp_code
    answer = quote_provider(error.smtp_error, secrets=[server.password])
    words = f"{code} {answer}"
    if 400 <= code < 500:
        return Transient(words, code=f"smtp_{code}")
    if code < 0:
        return Transient("the server's answer is unreadable", code="unreadable_answer")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Misconfigured(words, code="authentication_failed")
    return Misconfigured(words, code=f"smtp_{code}")


def _explain_socket_error(error: OSError) -> ProviderError:
    words = quote_provider(str(error))
    if is_tls_refusal(error):
        return Misconfigured(f"TLS failed: {words}", code="tls_failed")
    return Transient(f"no connection: {words}", code="connect_failed")
