"""Mail through an SMTP server, over connections that are kept."""

import contextlib
import functools
import ipaddress
import socket
import ssl
import time
from collections import deque

from apps.delivery.providers.contract import (
    Channel,
    EmailMessage,
    InvalidProviderUrl,
    ProviderError,
)
from apps.delivery.providers.deadline import end_within
from apps.delivery.providers.mime import build_mime, read_recipient, read_sender
from apps.delivery.providers.smtp_commands import ConnectionDropped, Envelope
from apps.delivery.providers.smtp_connect import Security, SmtpServer
from apps.delivery.providers.smtp_session import SmtpSession
from apps.delivery.providers.sockets import bound_tls
from apps.delivery.providers.urls import ProviderUrl


class SmtpProvider:
    """As many connections as threads send at the same time; each is kept for the next message."""

    channel: Channel = "email"

    def __init__(self, *, name: str, server: SmtpServer) -> None:
        self.name = name
        self.longest_call_seconds = server.timeouts.longest_conversation
        self._server = server
        self._idle: deque[SmtpSession] = deque()

    def send(self, message: EmailMessage) -> str:
        """The server's queue id, or else the Message-ID, which its logs name too."""
        return self.send_foreseeing(message, None)

    def send_foreseeing(self, message: EmailMessage, following: EmailMessage | None) -> str:
        """As `send`; announces the following message where the server pipelines."""
        envelope = _build_envelope(message)
        # The whole conversation: a server that answers each command just in time, or letter by
        # letter, must not outlast the lease on the notification.
        limits = self._server.timeouts
        with end_within(limits.connect + 2 * limits.read):
            return self._deliver(envelope, _foresee(following)) or message.message_id

    def close(self) -> None:
        while session := self._take_idle():
            session.close()

    def _deliver(self, envelope: Envelope, following: Envelope | None) -> str:
        """A kept connection may have died of old age: then, and only then, a new one follows."""
        if kept := self._take_idle_for(envelope):
            with contextlib.suppress(ConnectionDropped):
                return self._use(kept, envelope, following)
            self._abandon_idle()
        return self._use(SmtpSession(self._server), envelope, following)

    def _take_idle_for(self, envelope: Envelope) -> SmtpSession | None:
        """One that was promised another message is no good for this one."""
        while session := self._take_idle():
            if session.can_take(envelope):
                return session
            session.abandon()
        return None

    def _abandon_idle(self) -> None:
        """The others are older still; a goodbye to each would take time that the message needs."""
        while session := self._take_idle():
            session.abandon()

    def _take_idle(self) -> SmtpSession | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _use(self, session: SmtpSession, envelope: Envelope, following: Envelope | None) -> str:
        try:
            return session.deliver(envelope, following=following)
        except ProviderError:
            raise
        except BaseException:
            session.abandon()  # nobody knows what the server waits for
            raise
        finally:
            if session.usable:
                self._idle.append(session)


def read_smtp_server(url: ProviderUrl) -> SmtpServer:
    """What an smtp:// or smtps:// URL asks for. Raises InvalidProviderUrl for a bad ca_file."""
    implicit = url.scheme == "smtps"
    return SmtpServer(
        host=url.host,
        port=url.port or (465 if implicit else 587),
        security="implicit" if implicit else _choose_security(url),
        helo=url.options.get("helo") or _find_own_name(),
        tls=_build_tls_context(url),
        timeouts=url.timeouts,
        username=url.username,
        password=url.password,
    )


def _choose_security(url: ProviderUrl) -> Security:
    """TLS unless `tls=none`, or nothing leaves this machine and nobody asks for it."""
    wanted = url.options.get("tls") or ("none" if _is_loopback(url.host) else "starttls")
    return "none" if wanted == "none" else "starttls"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _find_own_name() -> str:
    """Not getfqdn, which may wait for a name server at every connection."""
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() else "localhost"


def _build_tls_context(url: ProviderUrl) -> ssl.SSLContext:
    path = url.options.get("ca_file")
    try:
        context = ssl.create_default_context(cafile=path)
    except OSError as exc:
        raise InvalidProviderUrl(
            f"{url.name}: expected PEM certificates in ca_file {path}"
        ) from exc
    if url.options.get("tls_verify") == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return bound_tls(context)


def _build_envelope(message: EmailMessage) -> Envelope:
    recipient = read_recipient(message)
    build = functools.partial(_build_data, message)
    return Envelope(
        message=message,
        sender=str(read_sender(message)),
        recipient=str(recipient),
        needs_smtputf8=recipient.needs_smtputf8,
        build=build,
    )


def _foresee(message: EmailMessage | None) -> Envelope | None:
    """One that cannot be sent, whatever the reason, says so when it is its turn."""
    with contextlib.suppress(Exception):
        return _build_envelope(message) if message else None
    return None


def _build_data(message: EmailMessage, eight_bit: bool) -> bytes:
    return build_mime(message, now=time.time(), eight_bit=eight_bit)
