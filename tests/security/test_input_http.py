"""A real web process and what only bytes on a socket can do to it."""

import json
import re
import socket
import time
from pathlib import Path

import requests

from deploy.local.processes import list_descendants
from tests.security.live_web import LiveWeb
from tests.unit.test_template_sandbox import BOMBS, INJECTIONS

MIB = 1024 * 1024
# A busy machine is no fault of ours; what costs a second alone is refused or bounded elsewhere.
PATIENCE = 10


def send_raw(web: LiveWeb, raw: bytes, *, wait: float = PATIENCE) -> int:
    """Send bytes as they are; return the status, or 0 where the server closes or waits for more.

    Nothing says that we are done: a server may take that for a client that is gone.
    """
    with socket.create_connection(("127.0.0.1", web.port), timeout=wait) as connection:
        try:
            connection.sendall(raw)
            line = connection.makefile("rb").readline()
        except (ConnectionError, TimeoutError):
            return 0
    return int(line.split()[1]) if line.startswith(b"HTTP/") else 0


def head_of(key: str, *lines: str, path: str = "/api/v1/notifications") -> bytes:
    fixed = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"X-API-Key: {key}")
    kind = "Content-Type: application/json"
    return "\r\n".join([*fixed, kind, "Connection: close", *lines, "", ""]).encode("latin-1")


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def test_a_body_without_a_length_is_held_to_the_same_limit(web: LiveWeb, key: str) -> None:
    head = head_of(key, "Transfer-Encoding: chunked")
    assert send_raw(web, head + chunked(b"{}")) == 400
    assert send_raw(web, head + chunked(b" " * (2 * MIB))) in {0, 400, 413}


def test_no_malformed_request_is_answered_with_a_500(web: LiveWeb, key: str) -> None:
    both = head_of(key, "Transfer-Encoding: chunked", "Content-Length: 2")
    strange = [
        both + chunked(b"{}"),
        head_of(key, "Content-Length: -1"),
        head_of(key, "Content-Length: 2", "Content-Length: 7") + b"{}",
        head_of(key, "Content-Length: 99999999999999999999") + b"{}",
        head_of(key, "Content-Length: 100") + b"{}",  # and no more
        head_of(key, "X-Long: " + "x" * 200_000),
        head_of(key, *(f"X-{number}: y" for number in range(500))),
        head_of(key, "X-Correlation-ID: a\x00b"),
        head_of(key, "Idempotency-Key: \xff\xfe", "Content-Length: 2") + b"{}",
        head_of(key, path="/api/v1/notifications\x00"),
        head_of(key, path="/api/v1/" + "x" * 100_000),
        head_of(key, path="/api/v1/templates/%00%0d%0aSet-Cookie:x"),
        head_of(key, "Host: evil.example\r\nHost: other"),
        b"GET /live HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    statuses = [send_raw(web, raw, wait=2) for raw in strange]
    assert [(i, status) for i, status in enumerate(statuses) if status >= 500] == []
    assert web.answers()


def test_clients_that_never_finish_keep_nobody_waiting(web: LiveWeb) -> None:
    slow = [socket.create_connection(("127.0.0.1", web.port), timeout=5) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(b"POST /api/v1/notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
        begun = time.monotonic()
        assert requests.get(f"{web.url}/live", timeout=PATIENCE).ok
        assert time.monotonic() - begun < PATIENCE / 2
    finally:
        for connection in slow:
            connection.close()


def test_many_or_large_variables_are_refused_or_taken_at_once(web: LiveWeb, key: str) -> None:
    content = {"subject": "Hi", "text": "Hello"}
    order = {"notification_type": "email", "to": {"email": "a@example.org"}, "content": content}
    for variables in (
        {f"v{number}": number for number in range(10_000)},
        {"v": "x" * 1_000_000},
        {"v": [{"a": [1] * 100}] * 1000},
    ):
        begun = time.monotonic()
        answer = post(web, key, "/notifications", order | {"variables": variables})
        assert answer.status_code in {202, 400}, answer.text
        assert time.monotonic() - begun < PATIENCE


def test_hostile_templates_cost_the_web_process_little(web: LiveWeb, key: str) -> None:
    before = peak_memory_of(web)
    for name, source in {**INJECTIONS, **BOMBS}.items():
        content = {"subject": "Hi", "text": source, "html": source}
        body = {"channel": "email", "content": content}
        begun = time.monotonic()
        if "\udcff" not in source:
            assert post(web, key, "/templates/validate", body).status_code in {200, 400}, name
        order = {"to": {"email": "a@example.org"}, "content": content}
        answer = post(web, key, "/notifications/email", order)
        assert answer.status_code in {202, 400, 422}, name
        assert time.monotonic() - begun < PATIENCE, name
    assert peak_memory_of(web) - before < 100 * MIB


def post(web: LiveWeb, key: str, path: str, body: object) -> requests.Response:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    url = f"{web.url}/api/v1{path}"
    return requests.post(url, data=json.dumps(body), headers=headers, timeout=3 * PATIENCE)


def peak_memory_of(web: LiveWeb) -> int:
    """Return the most bytes that the server and its workers have ever held together."""
    assert web.pid is not None
    pids = [web.pid, *(child.pid for child in list_descendants(web.pid))]
    return sum(_read_peak(pid) for pid in pids)


def _read_peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0
