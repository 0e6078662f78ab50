"""Answers of HTTP/1.1 (RFC 9112), read from a socket whose waits are bounded.

http.client reads headers as those of a mail, which takes three quarters of a quick call.
"""

import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LARGEST_ANSWER = 1024 * 1024
LARGEST_HEAD = 64 * 1024
PIECE = 16 * 1024
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?")
BEGINNING = b"HTTP/1."
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
BODILESS = frozenset({204, 304})


class UnreadableAnswer(Exception):
    """What came is not HTTP, or ended before its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Header names are in title case. `is_last`: the connection is not fit for another request."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    is_last: bool


def read_answer(connection: socket.socket) -> Answer:
    """Read the answer to one request; of its body, at most LARGEST_ANSWER bytes are kept.

    A refusal counts as such even where the rest of its words never comes. Raises UnreadableAnswer,
    and OSError where the connection is lost or the time is up.
    """
    stream = _Stream(connection)
    minor, status, lines = _read_head(stream)
    while status < 200:  # those are no answers yet
        minor, status, lines = _read_head(stream)
    headers = _read_headers(lines)
    body = bytearray()
    try:
        is_whole = status in BODILESS or _read_body(stream, headers, body)
    except (OSError, UnreadableAnswer):
        if status < 300:
            raise
        is_whole = False
    return Answer(
        status_code=status,
        headers=headers,
        content=bytes(body[:LARGEST_ANSWER]),
        is_last=not is_whole or stream.has_more or _ends_connection(minor, headers),
    )


class _Stream:
    """What arrived on a connection and was not taken yet."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._arrived = bytearray()

    @property
    def has_more(self) -> bool:
        return bool(self._arrived)

    def take_until(self, mark: bytes, *, most: int) -> bytes:
        """Return what comes before `mark`, which is taken too; it has to begin like an answer."""
        while (end := self._arrived.find(mark)) < 0:
            if len(self._arrived) > most:
                raise UnreadableAnswer("a line or head without an end")
            self._refuse_noise(mark)
            if not self._receive():
                self._explain_end()
        taken = bytes(self._arrived[:end])
        del self._arrived[: end + len(mark)]
        return taken

    def take_into(self, body: bytearray, size: int) -> None:
        """Move so many bytes, or what comes before the body is large enough."""
        while size and len(body) < LARGEST_ANSWER:
            if not self._arrived and not self._receive():
                raise UnreadableAnswer("the answer ended before its end")
            piece = self._arrived[:size]
            body += piece
            size -= len(piece)
            del self._arrived[: len(piece)]

    def take_rest_into(self, body: bytearray) -> None:
        """Move all that comes until the other side closes."""
        while len(body) < LARGEST_ANSWER:
            body += self._arrived
            self._arrived.clear()
            if not self._receive():
                return

    def _receive(self) -> bool:
        piece = bytearray(PIECE)
        count = self._connection.recv_into(piece)
        self._arrived += memoryview(piece)[:count]
        return count > 0

    def _refuse_noise(self, mark: bytes) -> None:
        """At once: noise need not have an end that could be waited for."""
        start = bytes(self._arrived[: len(BEGINNING)])
        if mark == b"\r\n\r\n" and not BEGINNING.startswith(start):
            raise UnreadableAnswer("not HTTP")

    def _explain_end(self) -> None:
        if self._arrived:
            raise UnreadableAnswer("the answer ended before its end")
        raise ConnectionResetError("the connection was closed without an answer")


def _read_head(stream: _Stream) -> tuple[bytes, int, list[bytes]]:
    """Return the minor version, the status and the header lines."""
    first, *lines = stream.take_until(b"\r\n\r\n", most=LARGEST_HEAD).split(b"\r\n")
    found = STATUS_LINE.fullmatch(first)
    if not found:
        raise UnreadableAnswer("not HTTP")
    return found[1], int(found[2]), lines


def _read_headers(lines: Iterable[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not NAME.fullmatch(name):
            raise UnreadableAnswer("a header that is none")
        _add_header(headers, name.title(), value.strip(" \t"))
    return headers


def _add_header(headers: dict[str, str], name: str, value: str) -> None:
    """Two lengths that differ would let the next answer begin where nobody knows."""
    if name == "Content-Length" and headers.get(name, value) != value:
        raise UnreadableAnswer("two lengths of one answer")
    known = headers.get(name)
    headers[name] = value if known is None or known == value else f"{known}, {value}"


def _read_body(stream: _Stream, headers: Mapping[str, str], body: bytearray) -> bool:
    """Return whether all of it was read, and its end is where the next answer may begin."""
    coding = headers.get("Transfer-Encoding")
    length = headers.get("Content-Length")
    if coding is not None:
        if coding.lower() != "chunked":
            raise UnreadableAnswer("an unknown transfer coding")
        is_whole = _read_chunks(stream, body)
        return is_whole and length is None  # with both, nobody knows what the other side means
    if length is None:
        stream.take_rest_into(body)
        return False
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise UnreadableAnswer("a length that is none")
    stream.take_into(body, int(length))
    return len(body) == int(length)


def _read_chunks(stream: _Stream, body: bytearray) -> bool:
    while len(body) < LARGEST_ANSWER:
        line = stream.take_until(b"\r\n", most=LARGEST_HEAD)
        size = line.partition(b";")[0].strip()
        if not SIZE.fullmatch(size):
            raise UnreadableAnswer("a chunk without a size")
        if not int(size, 16):
            return _skip_trailers(stream)
        stream.take_into(body, int(size, 16))
        if len(body) < LARGEST_ANSWER and stream.take_until(b"\r\n", most=LARGEST_HEAD):
            raise UnreadableAnswer("a chunk without an end")
    return False


def _skip_trailers(stream: _Stream) -> bool:
    while stream.take_until(b"\r\n", most=LARGEST_HEAD):
        pass  # each is bounded, and all together by the end of the call
    return True


def _ends_connection(minor: bytes, headers: Mapping[str, str]) -> bool:
    wish = headers.get("Connection", "").lower()
    return "close" in wish or (minor == b"0" and "keep-alive" not in wish)
