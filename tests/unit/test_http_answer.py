"""HTTP answers as they come over a socket: whole, in pieces, cut off, and not HTTP at all."""

import socket
from contextlib import closing

import pytest

from apps.delivery.providers.http_answer import (
    LARGEST_ANSWER,
    LARGEST_HEAD,
    Answer,
    UnreadableAnswer,
    read_answer,
)

pytestmark = pytest.mark.enable_socket
OK = b"HTTP/1.1 200 OK\r\n"


def read(*pieces: bytes, ends: bool = True) -> Answer:
    """Read what a server sends in these pieces, then closing unless it is not to."""
    client, server = socket.socketpair()
    with closing(client), closing(server):
        client.settimeout(0.2)
        server.settimeout(2)
        for piece in pieces:
            server.sendall(piece)
        if ends:
            server.shutdown(socket.SHUT_WR)
        return read_answer(client)


def test_an_answer_with_a_length_leaves_its_connection_for_the_next() -> None:
    answer = read(
        OK + b"Content-Type: text/plain\r\nRETRY-after:\t7 \r\nContent-Length: 2\r\n\r\nok"
    )
    assert (answer.status_code, answer.content, answer.is_last) == (200, b"ok", False)
    assert answer.headers["Retry-After"] == "7"


def test_chunks_are_put_together_and_their_trailers_skipped() -> None:
    chunks = (
        b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
    )
    answer = read(OK + chunks, ends=False)
    assert (answer.content, answer.is_last) == (b"abc0123456789", False)


def test_an_answer_may_come_letter_by_letter() -> None:
    whole = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    assert read(*(whole[at : at + 1] for at in range(len(whole)))).content == b"ok"


def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"
    assert read(b"HTTP/1.1 100 Continue\r\n\r\n" + interim + OK + b"\r\nok").content == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"\r\nok",
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"Content-Length: 2\r\n\r\nok and more",
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_a_connection_whose_next_answer_would_be_uncertain_is_not_kept(answer: bytes) -> None:
    read_answer = read(answer)
    assert (read_answer.content, read_answer.is_last) == (b"ok", True)


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.org ESMTP\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * LARGEST_HEAD,
    ],
)
def test_what_is_not_a_whole_answer_is_unreadable(answer: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read(answer)


def test_noise_is_not_waited_for() -> None:
    with pytest.raises(UnreadableAnswer):
        read(b"\x00\x01garbage", ends=False)


def test_an_end_without_an_answer_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionError):
        read(b"")


def test_an_answer_that_does_not_come_is_late() -> None:
    with pytest.raises(TimeoutError):
        read(OK, ends=False)


def test_a_refusal_counts_though_its_words_are_cut_off() -> None:
    answer = read(b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nbu")
    assert (answer.status_code, answer.content, answer.is_last) == (503, b"bu", True)


def test_of_a_large_body_only_the_beginning_is_kept() -> None:
    client, server = socket.socketpair()
    with closing(client), closing(server):
        for end in (client, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST_ANSWER)
        server.setblocking(False)
        sent = server.send(OK + b"\r\n" + b"x" * (2 * LARGEST_ANSWER))
        server.close()
        answer = read_answer(client)
    assert len(answer.content) == min(LARGEST_ANSWER, sent - len(OK) - 2)
    assert answer.is_last
