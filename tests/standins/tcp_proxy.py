"""A TCP proxy in front of a stand-in, whose wire can be made to fail while it runs.

Control port: GET /stats (`connections`), POST /behaviour with fields of `Faults`, POST /reset.
With --certificate the client's side speaks TLS, and the target gets plain text.
"""

import asyncio
from argparse import Namespace
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from tests.standins.certificate import build_tls_context
from tests.standins.control import HANG_SECONDS, build_parser
from tests.standins.http_server import Answer, Request, answer_json, serve_http
from tests.standins.smtp_sink import read_clock

FAULTS = ("", "hang", "drip", "half_close", "reset", "garbage")
GARBAGE = b"\x00\xff\x16garbage\r\n\r\n" * 3
CHUNK = 64 * 1024
Direction = Literal["up", "down"]  # to the target, to the client


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with the wire; the defaults are good health.

    The `fault` begins in its `direction` once the client has said `after_text`, and `after_bytes`
    more were passed on. "hang": nothing moves any more; "drip": `bytes_per_second` are passed on;
    "half_close": the receiver sees the end while the connection stays; "reset": both sides are cut
    off; "garbage": it comes in place of what was said. `refuse` stops listening, `latency_ms`
    delays each piece, `hide` is a word of the target's that the client gets as X's.
    """

    fault: str = ""
    direction: Direction = "down"
    after_text: str = ""
    after_bytes: int = 0
    bytes_per_second: float = 4.0
    latency_ms: int = 0
    hide: str = ""
    refuse: bool = False


def read_faults(wanted: dict[str, Any]) -> Faults:
    """Make Faults of decoded JSON; ValueError for a name or fault that does not exist."""
    known = {one.name for one in fields(Faults)}
    faults = Faults(**{name: value for name, value in wanted.items() if name in known})
    if wanted.keys() - known or faults.fault not in FAULTS:
        raise ValueError(f"known: {', '.join(known)}; fault must be one of {FAULTS}")
    return faults


@dataclass(kw_only=True)
class Link:
    """One client's connection, and how far its fault has come."""

    client: asyncio.StreamWriter
    target: asyncio.StreamWriter
    said: bytearray = field(default_factory=bytearray)  # by the client
    passed: int = 0  # bytes in the fault's direction, since it was armed

    def find_onset(self, faults: Faults, direction: Direction, data: bytes) -> int:
        """Where in `data` the fault begins; its length where it does not."""
        text = faults.after_text.encode()
        place = self.said.find(text)
        if not faults.fault or direction != faults.direction or place < 0:
            return len(data)
        healthy = 0
        if direction == "up":  # what was said up to the text itself is passed on
            healthy = max(0, place + len(text) - (len(self.said) - len(data)))
        onset = healthy + max(0, faults.after_bytes - self.passed)
        self.passed += len(data) - healthy
        return min(onset, len(data))

    def cut(self) -> None:
        for writer in (self.client, self.target):
            writer.transport.abort()


class Proxy:
    def __init__(self, arguments: Namespace) -> None:
        self._arguments = arguments
        self._faults = Faults()
        self._connections = 0
        self._server: asyncio.Server | None = None

    async def control(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/stats":
                return answer_json(200, {"connections": self._connections})
            case "POST", "/behaviour":
                return await self._change_faults(request.read_json())
            case "POST", "/reset":
                self._connections = 0
                return await self._change_faults({})
        return answer_json(404, {"error": "GET /stats, POST /behaviour /reset"})

    async def listen(self) -> None:
        path = self._arguments.certificate
        tls = build_tls_context(path, now=read_clock()) if path else None
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._arguments.port, backlog=1024, ssl=tls
        )

    async def _change_faults(self, wanted: dict[str, Any]) -> Answer:
        try:
            self._faults = read_faults(wanted)
        except (ValueError, TypeError) as error:
            return answer_json(400, {"error": str(error)})
        if self._faults.refuse and self._server:
            self._server.close()
            self._server = None
        elif not self._faults.refuse and self._server is None:
            await self.listen()
        return answer_json(200, {})

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._connections += 1
        answers, target = await asyncio.open_connection("127.0.0.1", self._arguments.target)
        link = Link(client=client, target=target)
        await asyncio.gather(
            self._pump(reader, target, "up", link), self._pump(answers, client, "down", link)
        )
        for writer in (client, target):
            writer.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        direction: Direction,
        link: Link,
    ) -> None:
        """Pass on until one side ends; then the other one sees the end too."""
        try:
            while data := await source.read(CHUNK):
                if direction == "up":
                    link.said += data
                await asyncio.sleep(self._faults.latency_ms / 1000)
                await self._pass_on(data, sink, direction, link)
            if sink.can_write_eof():
                sink.write_eof()
            else:  # TLS has no half-closed connections
                sink.close()
        except OSError:
            link.cut()

    async def _pass_on(
        self, data: bytes, sink: asyncio.StreamWriter, direction: Direction, link: Link
    ) -> None:
        faults = self._faults
        if faults.hide and direction == "down":
            data = data.replace(faults.hide.encode(), b"X" * len(faults.hide))
        onset = link.find_onset(faults, direction, data)
        sink.write(data[:onset])
        if onset < len(data):
            await self._break(faults, data[onset:], sink, link)
        await sink.drain()

    async def _break(
        self, faults: Faults, data: bytes, sink: asyncio.StreamWriter, link: Link
    ) -> None:
        match faults.fault:
            case "hang":
                await asyncio.sleep(HANG_SECONDS)
            case "drip":
                for byte in data:
                    sink.write(bytes([byte]))
                    await asyncio.sleep(1 / faults.bytes_per_second)
            case "half_close":
                await sink.drain()
                sink.write_eof()
                await asyncio.sleep(HANG_SECONDS)
            case "reset":
                await sink.drain()
                link.cut()
            case "garbage":
                sink.write(GARBAGE)


def main() -> None:
    parser = build_parser(__doc__)
    parser.add_argument("--target", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--certificate", type=Path, help="PEM file; made where it is missing")
    asyncio.run(run_proxy(parser.parse_args()))


async def run_proxy(arguments: Namespace) -> None:
    proxy = Proxy(arguments)
    await proxy.listen()
    control = await serve_http(proxy.control, port=arguments.control)
    await control.serve_forever()


if __name__ == "__main__":
    main()
