"""A small HTTP/1.1 server on asyncio that keeps connections, and cuts them on demand."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

LARGEST_LINE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    def read_json(self) -> Any:
        """Decode the body; ValueError when it is no JSON."""
        return json.loads(self.body)

    def read_form(self) -> dict[str, list[str]]:
        """Return the fields of an urlencoded or multipart body; a file becomes its text."""
        kind = self.headers.get("content-type", "")
        pairs = (
            _read_multipart(kind, self.body)
            if kind.startswith("multipart/form-data")
            else parse_qsl(self.body.decode(), keep_blank_values=True)
        )
        form: dict[str, list[str]] = {}
        for name, value in pairs:
            form.setdefault(name, []).append(value)
        return form


def _read_multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message: EmailMessage = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + body)
    return [
        (str(part.get_param("name", "", "content-disposition")), _read_part(part))
        for part in message.iter_parts()
    ]


def _read_part(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode(errors="replace") if isinstance(payload, bytes) else ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def answer_json(status: int, content: Any, headers: dict[str, str] | None = None) -> Answer:
    body = json.dumps(content).encode()
    all_headers = {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}
    return Answer(status=status, body=body, headers=all_headers)


class ConnectionCut(Exception):
    """Raised by a handler to close the connection with a reset and no answer."""


Handler = Callable[[Request], Awaitable[Answer]]


async def serve_http(handler: Handler, *, port: int) -> asyncio.Server:
    """Listen on 127.0.0.1:`port`; each request, also on kept connections, goes to `handler`."""
    numbers = itertools.count(1)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = next(numbers)
        try:
            while request := await _read_request(reader, writer, connection):
                _write_answer(writer, await handler(request))
                await writer.drain()
        except ConnectionCut:
            writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away: nothing is left to answer
        finally:
            writer.close()

    return await asyncio.start_server(
        converse, "127.0.0.1", port, backlog=1024, limit=LARGEST_LINE
    )


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
) -> Request | None:
    first = await reader.readline()
    if not first:
        return None
    method, path, _ = first.decode("latin-1").split(" ", 2)
    headers = await _read_headers(reader)
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await _read_body(reader, headers)
    return Request(method=method, path=path, headers=headers, body=body, connection=connection)


async def _read_headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    chunks = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readline()
    await _read_headers(reader)  # trailers
    return b"".join(chunks)


def _write_answer(writer: asyncio.StreamWriter, answer: Answer) -> None:
    phrase = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}", f"Content-Length: {len(answer.body)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)
