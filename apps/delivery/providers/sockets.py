"""Sockets that end with the provider call, however slowly the other side answers.

A socket's own timeout begins anew with every byte: a server that sends one now and then would
hold a worker for as long as it likes.
"""

import math
import queue
import socket
import ssl
import threading
from typing import Any

from apps.delivery.providers.deadline import end_within, seconds_left

# The peer went away in the middle of a handshake: trouble, but not with TLS.
_TLS_LOSSES = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

AddressInfo = tuple[Any, ...]  # as getaddrinfo gives it
LookUp = list[AddressInfo] | OSError | UnicodeError


class BoundedSocket(socket.socket):
    """Each wait is at most the socket's timeout, and never past the end of the call."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        _shorten_timeout(self)
        return super().recv_into(*args, **options)

    def sendall(self, *args: Any) -> None:
        _shorten_timeout(self)  # it covers the whole of a sendall
        super().sendall(*args)


class BoundedTlsSocket(ssl.SSLSocket):
    """The same under TLS; set as `sslsocket_class` of a context (see `bound_tls`)."""

    def do_handshake(self, block: bool = False) -> None:
        _shorten_timeout(self)
        super().do_handshake(block)

    def recv_into(self, *args: Any, **options: Any) -> int:
        _shorten_timeout(self)
        return super().recv_into(*args, **options)

    def send(self, *args: Any, **options: Any) -> int:
        _shorten_timeout(self)  # sendall calls this once for each part
        return super().send(*args, **options)


def bound_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make the context's sockets keep to the end of the call, from the handshake on."""
    context.sslsocket_class = BoundedTlsSocket
    return context


def is_tls_refusal(error: BaseException | None) -> bool:
    """Did a TLS handshake fail for good: certificate, version, no TLS at all?"""
    return isinstance(error, ssl.SSLError) and not isinstance(error, _TLS_LOSSES)


def open_socket(host: str, port: int, *, seconds: float) -> BoundedSocket:
    """Connect within `seconds`, the name's look-up and all its addresses included.

    Each address gets its share of the time, so that a dead first one does not stop the rest.
    Raises OSError: gaierror for the name, TimeoutError, or what the last address said.
    """
    with end_within(seconds):
        addresses = _look_up(host, port)
        for count in range(len(addresses), 0, -1):
            try:
                return _connect(addresses[-count], seconds=seconds_left() / count)
            except OSError:
                if count == 1:
                    raise
    raise OSError("the name has no address")


def _connect(address: AddressInfo, *, seconds: float) -> BoundedSocket:
    family, kind, protocol, _, place = address
    connecting = BoundedSocket(family, kind, protocol)
    try:
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connecting.settimeout(seconds)
        connecting.connect(place)
    except OSError:
        connecting.close()
        raise
    return connecting


def _look_up(host: str, port: int) -> list[AddressInfo]:
    """Like getaddrinfo, which has no time limit: a name server may keep it for half a minute.

    The thread that waits for it is left behind and ends with it; an address needs none.
    """
    try:
        return _ask_resolver(host, port, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        answers: queue.SimpleQueue[LookUp] = queue.SimpleQueue()
    threading.Thread(
        target=_answer_look_up, args=(host, port, answers), name="look-up", daemon=True
    ).start()
    try:
        answer = answers.get(timeout=seconds_left())
    except queue.Empty:
        raise TimeoutError("no answer about the host's name") from None
    if isinstance(answer, UnicodeError):  # a label too long, or empty
        raise socket.gaierror(socket.EAI_NONAME, "not a host's name") from answer
    if isinstance(answer, OSError):
        raise answer
    return answer


def _answer_look_up(host: str, port: int, answers: "queue.SimpleQueue[LookUp]") -> None:
    try:
        answers.put(_ask_resolver(host, port))
    except (OSError, UnicodeError) as error:
        answers.put(error)


def _ask_resolver(host: str, port: int, *, flags: int = 0) -> list[AddressInfo]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags))


def _shorten_timeout(bounded: socket.socket) -> None:
    left, patience = seconds_left(), bounded.gettimeout()
    if left < (math.inf if patience is None else patience):
        bounded.settimeout(left)
