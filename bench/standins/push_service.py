"""A stand-in for FCM (HTTP v1) and its token exchange that takes everything, as fast as it can.

`python -m bench.standins.push_service PORT LATENCY_MS`. GET /count tells how many it took.
"""

import asyncio
import re
import sys
from typing import cast

import uvloop

LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
TOKEN = b'{"access_token": "ya29.bench", "expires_in": 3600, "token_type": "Bearer"}'
SENT = b'{"name": "projects/bench/messages/1"}'


class Counter:
    def __init__(self) -> None:
        self.taken = 0


class PushSession(asyncio.Protocol):
    """One kept connection; answers come in the order of the requests."""

    def __init__(self, counter: Counter, latency: float) -> None:
        self._counter = counter
        self._latency = latency
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a TCP server's always is one

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._take_request()) is not None:
            self._answer(head)

    def _take_request(self) -> bytes | None:
        """Return the head of the next whole request and forget it and its body."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._buffer[:end])
        found = LENGTH.search(head)
        size = end + 4 + (int(found.group(1)) if found else 0)
        if len(self._buffer) < size:
            return None
        del self._buffer[:size]
        return head

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"GET /count"):
            self._write(str(self._counter.taken).encode())
        elif b"messages:send" not in head:
            self._write(TOKEN)
        elif self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._take)
        else:
            self._take()

    def _take(self) -> None:
        self._counter.taken += 1
        self._write(SENT)

    def _write(self, body: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                + str(len(body)).encode()
                + b"\r\n\r\n"
                + body
            )


async def serve(port: int, latency: float) -> None:
    counter = Counter()
    server = await asyncio.get_running_loop().create_server(
        lambda: PushSession(counter, latency), "127.0.0.1", port, backlog=1000
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000))
