"""Opening an SMTP connection: TCP, greeting, TLS, login, and what their failures mean."""

import contextlib
import functools
import smtplib
import ssl
import time
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

Security = Literal["implicit", "starttls", "none"]
# The peer went away in the middle of a handshake: trouble, but not with TLS.
TLS_LOSSES = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


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


def connect_smtp(server: SmtpServer, *, deadline: float) -> smtplib.SMTP:
    """A connection that is ready for MAIL before `deadline` (monotonic).

    Raises Transient or Misconfigured.
    """
    with _translate_errors(server):
        smtp = _open(server)
    try:
        with _translate_errors(server):
            for step in _prepare(smtp, server):
                _limit_wait(smtp, server, deadline)
                step()
    except ProviderError:
        smtp.close()
        raise
    return smtp


def name_loss(error: smtplib.SMTPServerDisconnected) -> str:
    """`timeout` or `connection_lost`; smtplib tells them apart only by what it caught."""
    return "timeout" if isinstance(error.__context__, TimeoutError) else "connection_lost"


def _open(server: SmtpServer) -> smtplib.SMTP:
    place, wait = (server.host, server.port), server.timeouts.connect
    if server.security == "implicit":
        return smtplib.SMTP_SSL(
            *place, local_hostname=server.helo, timeout=wait, context=server.tls
        )
    return smtplib.SMTP(*place, local_hostname=server.helo, timeout=wait)


def _prepare(smtp: smtplib.SMTP, server: SmtpServer) -> Iterator[Callable[[], object]]:
    yield smtp.ehlo_or_helo_if_needed
    if server.security == "starttls":
        if not smtp.has_extn("starttls"):
            raise Misconfigured("the server does not offer STARTTLS", code="starttls_not_offered")
        yield functools.partial(smtp.starttls, context=server.tls)
        yield smtp.ehlo_or_helo_if_needed
    if server.username:
        yield functools.partial(smtp.login, server.username, server.password)


def _limit_wait(smtp: smtplib.SMTP, server: SmtpServer, deadline: float) -> None:
    remaining = deadline - time.monotonic()
    if remaining <= 0 or smtp.sock is None:
        raise Transient("the server is too slow", code="timeout")
    smtp.sock.settimeout(min(server.timeouts.read, remaining))


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
    if isinstance(error, ssl.SSLError) and not isinstance(error, TLS_LOSSES):
        return Misconfigured(f"TLS failed: {words}", code="tls_failed")
    return Transient(f"no connection: {words}", code="connect_failed")
