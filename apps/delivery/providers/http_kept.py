"""Kept connections to one URL, for providers that take one message a request, and many of them."""

import select
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from apps.delivery.providers.contract import ProviderError, Timeouts, Uncertain, quote_provider
from apps.delivery.providers.deadline import end_within
from apps.delivery.providers.http_answer import Answer, UnreadableAnswer, read_answer
from apps.delivery.providers.http_calls import (
    HttpAnswer,
    explain_no_response,
    explain_unreached,
)
from apps.delivery.providers.http_session import OneHopSession
from apps.delivery.providers.sockets import bound_tls, open_socket

HTTPS_PORT, HTTP_PORT = 443, 80


class Poster(Protocol):
    """Posts JSON to one URL; used by any thread."""

    def post(self, body: bytes, *, headers: Mapping[str, str]) -> HttpAnswer:
        """Send once, follow nothing, and return the answer, whatever it says.

        Within both timeouts together. Raises the ProviderError that says why there is no answer.
        """

    def close(self) -> None: ...


def open_poster(url: str, *, timeouts: Timeouts) -> Poster:
    """Return what posts to `url`, through the proxy that the environment names for it, if any."""
    proxy = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    return ProxyPoster(url, timeouts=timeouts) if proxy else KeptPoster(url, timeouts=timeouts)


class KeptPoster:
    """Posts over connections of its own; one that is not in use is kept for the next call."""

    def __init__(self, url: str, *, timeouts: Timeouts) -> None:
        parts = urlsplit(url)
        self._host = str(parts.hostname)
        self._port = parts.port or (HTTPS_PORT if parts.scheme == "https" else HTTP_PORT)
        self._context = _build_context(url) if parts.scheme == "https" else None
        self._timeouts = timeouts
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
            "User-Agent: notifier\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
        )
        self._free: list[socket.socket] = []  # append and pop are atomic: threads need no lock

    def post(self, body: bytes, *, headers: Mapping[str, str]) -> Answer:
        """As Poster; header values have to be free of line ends."""
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{self._head}{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
        with end_within(self._timeouts.connect + self._timeouts.read):
            return self._exchange(self._take_free() or self._connect(), request)

    def close(self) -> None:
        while self._free:
            self._free.pop().close()

    def _take_free(self) -> socket.socket | None:
        """Return a connection that the other side has not closed, as it may after a while."""
        while self._free:
            connection = self._free.pop()
            if not _has_news(connection):
                return connection
            connection.close()
        return None

    def _connect(self) -> socket.socket:
        """Nothing was sent when this fails, whatever failed: the error says so."""
        try:
            with end_within(self._timeouts.connect):
                connection = open_socket(self._host, self._port, seconds=self._timeouts.connect)
                return self._secure(connection, self._context) if self._context else connection
        except OSError as exc:  # TLS errors and TimeoutError are some
            raise explain_unreached(exc) from exc

    def _secure(self, connection: socket.socket, context: ssl.SSLContext) -> socket.socket:
        try:
            return context.wrap_socket(connection, server_hostname=self._host)
        except OSError:
            connection.close()
            raise

    def _exchange(self, connection: socket.socket, request: bytes) -> Answer:
        try:
            connection.settimeout(self._timeouts.read)
            connection.sendall(request)
            answer = read_answer(connection)
        except (OSError, UnreadableAnswer) as exc:
            connection.close()
            raise _explain_doubt(exc) from exc
        except BaseException:
            connection.close()
            raise
        if answer.is_last:
            connection.close()
        else:
            self._free.append(connection)
        return answer


class ProxyPoster:
    """Posts as the other providers do: requests knows all kinds of proxies."""

    def __init__(self, url: str, *, timeouts: Timeouts) -> None:
        self._url = url
        self._limits = (timeouts.connect, timeouts.read)
        self._session = OneHopSession()
        self._session.headers["Content-Type"] = "application/json; charset=utf-8"

    def post(self, body: bytes, *, headers: Mapping[str, str]) -> requests.Response:
        """As Poster."""
        try:
            return self._session.post(
                self._url, data=body, headers=dict(headers), timeout=self._limits
            )
        except requests.RequestException as exc:
            raise explain_no_response(exc) from exc

    def close(self) -> None:
        self._session.close()


def _build_context(url: str) -> ssl.SSLContext:
    """Trust whom requests trusts: certifi's list, or the bundle that the environment names."""
    with requests.Session() as session:
        found = session.merge_environment_settings(url, {}, False, None, None)["verify"]
    place = DEFAULT_CA_BUNDLE_PATH if found is True else str(found)
    if Path(place).is_dir():
        return bound_tls(ssl.create_default_context(capath=place))
    return bound_tls(ssl.create_default_context(cafile=place))


def _has_news(connection: socket.socket) -> bool:
    """Is there anything to read where nothing was asked for? Then it is the end, or noise."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _explain_doubt(error: OSError | UnreadableAnswer) -> ProviderError:
    """The message may have been taken."""
    words = quote_provider(str(error))
    if isinstance(error, TimeoutError):
        return Uncertain(f"no answer in time: {words}", code="timeout")
    if isinstance(error, UnreadableAnswer):
        return Uncertain(f"the answer is unreadable: {words}", code="unreadable_answer")
    return Uncertain(f"no answer: {words}", code="connection_lost")
