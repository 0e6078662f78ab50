"""The HTTP client of every provider: one request, one hop, an answer bounded in time and size."""

import socket
import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from apps.delivery.providers.deadline import end_within
from apps.delivery.providers.sockets import BoundedSocket, bound_tls, open_socket

LARGEST_ANSWER = 1024 * 1024
CHUNK = 16 * 1024
# More than threads of one process ever send at the same time (PUSH_AT_ONCE, EMAIL_AT_ONCE): each
# keeps its connection.
MOST_KEPT = 256


class OneHop(requests.sessions.SessionRedirectMixin):
    """Follows no redirect: credentials and contents go to the configured host alone."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Never any; the redirect itself becomes the answer."""
        return None


class OneHopSession(OneHop, requests.Session):
    """A kept connection that tries once; `timeout=(connect, read)` bounds the whole request."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter(pool_maxsize=MOST_KEPT))


class PlainConnection(HTTPConnection):
    """Connects within its timeout, all addresses together."""

    def _new_conn(self) -> BoundedSocket:
        return _open_for(self)


class TlsConnection(HTTPSConnection):
    """Connects within its timeout, the handshake included."""

    def _new_conn(self) -> BoundedSocket:
        return _open_for(self)

    def connect(self) -> None:
        """Nothing was sent when this fails, whatever failed: the error says so."""
        try:
            with end_within(_read_connect_timeout(self)):
                super().connect()
        except OSError as exc:  # TLS errors and TimeoutError are some
            raise NewConnectionError(self, str(exc)) from exc


class PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection


class BoundedAdapter(HTTPAdapter):
    """Sends one request and reads the whole answer within connect and read timeout together."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=_build_context())
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options, ssl_context=_build_context())
        manager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
        return manager

    def close(self) -> None:
        """Now, and not when the last error that holds an answer is forgotten."""
        pools = self.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118 - urllib3's container refuses to be iterated
            pools[key].close()
        super().close()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        *others: Any,
        **options: Any,
    ) -> requests.Response:
        """`timeout` has to be the pair (connect, read), in seconds."""
        with end_within(sum(timeout)):
            response = super().send(request, True, timeout, *others, **options)
            _read_body(response)
        # Guessing takes seconds for a long answer; every provider's is UTF-8.
        response.encoding = response.encoding or "utf-8"
        return response


def _build_context() -> ssl.SSLContext:
    return bound_tls(create_urllib3_context())


def _open_for(connection: HTTPConnection) -> BoundedSocket:
    """A socket, or urllib3's own errors for what keeps it from being made."""
    seconds = _read_connect_timeout(connection)
    try:
        return open_socket(connection._dns_host, connection.port, seconds=seconds)  # noqa: SLF001 - as urllib3's own _new_conn
    except OSError as exc:
        raise _explain_no_socket(connection, exc) from exc


def _explain_no_socket(connection: HTTPConnection, error: OSError) -> Exception:
    if isinstance(error, TimeoutError):
        return ConnectTimeoutError(connection, f"no connection to {connection.host} in time")
    if isinstance(error, socket.gaierror):
        return NameResolutionError(connection.host, connection, error)
    return NewConnectionError(connection, str(error))


def _read_connect_timeout(connection: HTTPConnection) -> float:
    return float(connection.timeout or 0)  # the adapter always sets one


def _read_body(response: requests.Response) -> None:
    """Keep the first LARGEST_ANSWER bytes, decoded; no provider's answer needs more.

    A refusal counts as such even where the rest of its words never comes.
    """
    body = bytearray()
    try:
        for part in response.iter_content(CHUNK):
            body += part
            if len(body) >= LARGEST_ANSWER:
                response.close()  # with what is left unread
                break
    except requests.RequestException:
        if response.status_code < 300:
            raise
    response._content = bytes(body[:LARGEST_ANSWER])  # noqa: SLF001 - what .content does
