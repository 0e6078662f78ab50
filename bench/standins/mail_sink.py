"""An SMTP sink that notes when each mail was complete, and the mark in its subject.

`python -m bench.standins.mail_sink PORT JOURNAL`. A line for each mail: CLOCK_MONOTONIC, mark.
"""

import asyncio
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import uvloop

END_OF_DATA = b"\r\n.\r\n"
SUBJECT = re.compile(rb"^Subject: .*?(\S+)\r$", re.MULTILINE)
FLUSH_SECONDS = 0.02
ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"HELO": b"250 sink\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class MailSession(asyncio.Protocol):
    """One client; commands may come pipelined (RFC 2920)."""

    def __init__(self, note: Callable[[bytes], None]) -> None:
        self._note = note
        self._buffer = bytearray()
        self._in_data = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a TCP server's always is one
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = bytearray()
        while (answer := self._take_next()) is not None:
            answers += answer
        if self._transport and answers:
            self._transport.write(bytes(answers))
            if b"221 " in answers:
                self._transport.close()

    def _take_next(self) -> bytes | None:
        """Treat one command or mail of the buffer; None when none is whole."""
        end = END_OF_DATA if self._in_data else b"\r\n"
        position = self._buffer.find(end)
        if position < 0:
            return None
        piece = bytes(self._buffer[: position + 2])
        del self._buffer[: position + len(end)]
        return self._take_mail(piece) if self._in_data else self._take_command(piece)

    def _take_mail(self, mail: bytes) -> bytes:
        self._in_data = False
        found = SUBJECT.search(mail)
        self._note(found.group(1) if found else b"-")
        return b"250 taken\r\n"

    def _take_command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        self._in_data = verb == b"DATA"
        return ANSWERS.get(verb, b"250 ok\r\n")


async def serve(port: int, journal: Path) -> None:
    loop = asyncio.get_running_loop()
    with journal.open("a", buffering=1 << 16) as lines:

        def note(mark: bytes) -> None:
            lines.write(f"{time.monotonic():.6f} {mark.decode(errors='replace')}\n")

        await loop.create_server(lambda: MailSession(note), "127.0.0.1", port, backlog=1000)
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            lines.flush()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
