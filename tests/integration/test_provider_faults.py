"""Every fault on the wire ends in time, in the right one of the four errors, with nothing left."""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
)
from apps.delivery.providers.urls import parse_provider_urls
from tests.integration.provider_subjects import (
    LOGIN,
    SHORT,
    Message,
    Subject,
    describe_subjects,
    forbid_store,
    make_message,
    write_service_account,
)
from tests.standins.processes import (
    FcmService,
    MailApiService,
    SmtpSink,
    StandinProcess,
    TcpProxy,
)

HANDED_OVER = {
    "smtp": "\r\n.\r\n",
    "fcm": "messages:send",
    "sendgrid": "mail/send",
    "ses": "outbound-emails",
}
CLIENT_HELLO = "\x16\x03\x01"
SETTLE_SECONDS = 2.0
CHUNK = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Wire:
    """A provider under test and the proxy between it and its stand-in."""

    subject: Subject
    proxy: TcpProxy

    def build(self) -> Any:
        return self.subject.build(port=self.proxy.port)

    @property
    def message(self) -> Message:
        return make_message(self.subject.channel)

    def count_arrivals(self) -> int:
        return len(self.subject.records())


@pytest.fixture(scope="module")
def wires(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Wire]]:
    folder = tmp_path_factory.mktemp("faults")
    sink, fcm = SmtpSink(folder / "smtp", login=LOGIN), FcmService(folder / "fcm")
    api, key_file = MailApiService(folder / "api"), write_service_account(folder / "key.json")
    with ExitStack() as running:
        for standin in (sink, fcm, api):
            running.enter_context(run(standin))
        subjects = [
            one for one in describe_subjects(sink, fcm, api, key_file) if one.name in HANDED_OVER
        ]
        proxies = [
            running.enter_context(
                run(TcpProxy(folder / f"{one.name}-proxy", target=one.standin.port))
            )
            for one in subjects
        ]
        yield {
            subject.name: Wire(subject=subject, proxy=proxy)
            for subject, proxy in zip(subjects, proxies, strict=True)
        }


@pytest.fixture(scope="module")
def secure_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    with run(SmtpSink(tmp_path_factory.mktemp("starttls"), starttls=True)) as sink:
        yield sink


@pytest.fixture(scope="module")
def secure_proxy(
    secure_sink: SmtpSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TcpProxy]:
    folder = tmp_path_factory.mktemp("starttls-proxy")
    with run(TcpProxy(folder, target=secure_sink.port)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def tls_proxy(
    wires: dict[str, Wire], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TcpProxy]:
    """Speaks TLS in front of the mail API."""
    folder = tmp_path_factory.mktemp("tls-proxy")
    with run(TcpProxy(folder, target=wires["sendgrid"].subject.standin.port, tls=True)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def tls_wire(tls_proxy: TcpProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpProxy]:
    """Passes on what is already encrypted, to `tls_proxy`."""
    with run(TcpProxy(tmp_path_factory.mktemp("tls-wire"), target=tls_proxy.port)) as proxy:
        yield proxy


P = TypeVar("P", bound=StandinProcess)


@contextmanager
def run(process: P) -> Iterator[P]:
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(autouse=True)
def _in_good_health(
    wires: dict[str, Wire],
    secure_sink: SmtpSink,
    secure_proxy: TcpProxy,
    tls_proxy: TcpProxy,
    tls_wire: TcpProxy,
) -> None:
    standins = [one.subject.standin for one in wires.values()]
    for process in (*standins, *(one.proxy for one in wires.values())):
        process.reset()
    for process in (secure_sink, secure_proxy, tls_proxy, tls_wire):
        process.reset()


@pytest.fixture(autouse=True)
def _nothing_is_left(_in_good_health: None) -> Iterator[None]:
    """No thread and no descriptor outlives a test (the look-up of a name may, for a moment)."""
    before = count_resources()
    yield
    deadline = time.monotonic() + SETTLE_SECONDS
    while (after := count_resources()) != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert after == before


def count_resources() -> tuple[int, int]:
    """Threads and open files of this process."""
    return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(params=list(HANDED_OVER))
def wire(request: pytest.FixtureRequest, wires: dict[str, Wire]) -> Wire:
    return wires[request.param]


def fail(provider: Any, message: Message, kind: type[ProviderError], code: str) -> Any:
    """Send within the time that the provider promises, and return the error."""
    began = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        provider.send(message)
    assert time.monotonic() - began <= provider.longest_call_seconds
    assert isinstance(caught.value, kind), repr(caught.value)
    assert caught.value.code == code, repr(caught.value)
    return caught.value


def connect(text: str) -> Any:
    (url,) = parse_provider_urls(f"{text}{'&' if '?' in text else '?'}timeout={SHORT}")
    channel = "push" if url.scheme in ("fcm", "onesignal") else "email"
    return build_provider(url, channel=channel, store=forbid_store)  # type: ignore[call-overload]  # either


# Before anything is handed over


def test_a_healthy_wire_delivers(wire: Wire) -> None:
    with closing(wire.build()) as provider:
        provider.send(wire.message)
        provider.send(wire.message)
    assert wire.count_arrivals() == 2


def test_a_refused_connection_is_transient(wire: Wire) -> None:
    wire.proxy.behave(refuse=True)
    with closing(wire.build()) as provider:
        fail(provider, wire.message, Transient, "connect_failed")


@pytest.fixture
def full_port() -> Iterator[int]:
    """Where connections are neither taken nor refused: the queue of a busy server is full."""
    with ExitStack() as opened:
        listener = opened.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_connection_that_is_not_taken_is_transient(wire: Wire, full_port: int) -> None:
    with closing(wire.subject.build(port=full_port)) as provider:
        fail(provider, wire.message, Transient, "connect_failed")


HOSTLESS = ["smtp://nosuch.invalid", "sendgrid://K@/?endpoint=http://nosuch.invalid"]


@pytest.mark.parametrize("text", HOSTLESS)
def test_a_name_that_does_not_exist_is_transient(text: str) -> None:
    with closing(connect(text)) as provider:
        fail(provider, make_message("email"), Transient, "connect_failed")


@pytest.mark.parametrize("text", HOSTLESS)
def test_a_name_server_that_does_not_answer_is_transient(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    ask = socket.getaddrinfo

    def ask_in_vain(host: str, port: int, *, flags: int = 0, **options: Any) -> Any:
        if not flags & socket.AI_NUMERICHOST:
            time.sleep(2 * SHORT)
        return ask(host, port, flags=flags, **options)

    monkeypatch.setattr(socket, "getaddrinfo", ask_in_vain)
    with closing(connect(text)) as provider:
        fail(provider, make_message("email"), Transient, "connect_failed")


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"fault": "hang"}, "timeout"),
        ({"fault": "drip"}, "timeout"),
        ({"fault": "drip", "bytes_per_second": 100, "after_text": "MAIL"}, "timeout"),
        ({"fault": "half_close"}, "connection_lost"),
        ({"fault": "half_close", "after_text": "DATA\r\n"}, "connection_lost"),
        ({"fault": "reset", "direction": "up"}, "connection_lost"),
        ({"fault": "reset", "after_text": "DATA\r\n"}, "connection_lost"),
        ({"fault": "garbage"}, "unreadable_answer"),
        ({"fault": "garbage", "after_text": "RCPT"}, "unreadable_answer"),
    ],
)
def test_mail_that_was_not_handed_over_is_transient(
    wires: dict[str, Wire], faults: dict[str, Any], code: str
) -> None:
    wire = wires["smtp"]
    if faults.get("bytes_per_second"):  # each answer comes in time, all together do not
        faults = {**faults, "bytes_per_second": 100, "latency_ms": 300}
    wire.proxy.behave(**faults)
    with closing(wire.build()) as provider:
        fail(provider, wire.message, Transient, code)
    assert wire.count_arrivals() == 0


# Handed over: nobody knows


@pytest.mark.parametrize(
    ("faults", "code", "arrivals"),
    [
        ({"fault": "hang"}, "timeout", 1),
        ({"fault": "hang", "direction": "up"}, "timeout", 0),
        ({"fault": "drip"}, "timeout", 1),
        ({"fault": "drip", "direction": "up"}, "timeout", 0),
        ({"fault": "drip", "after_bytes": 2, "bytes_per_second": 3}, "timeout", 1),
        ({"fault": "half_close"}, "connection_lost", 1),
        ({"fault": "reset"}, "connection_lost", 1),
        ({"fault": "reset", "direction": "up"}, "connection_lost", 0),
        ({"fault": "garbage"}, "unreadable_answer", 1),
    ],
)
def test_a_message_whose_answer_is_lost_is_uncertain_and_sent_once(
    wire: Wire, faults: dict[str, Any], code: str, arrivals: int
) -> None:
    text = HANDED_OVER[wire.subject.name]
    if faults.get("direction") == "up" and wire.subject.name == "smtp":
        text = "DATA\r\n"
    with closing(wire.build()) as provider:
        wire.proxy.behave(after_text=text, **faults)
        fail(provider, wire.message, Uncertain, code)
    assert wire.count_arrivals() == arrivals


@pytest.mark.parametrize(("fault", "code"), [("drip", "timeout"), ("reset", "connection_lost")])
@pytest.mark.parametrize("name", ["fcm", "sendgrid", "ses"])
def test_on_a_kept_connection_it_is_uncertain_and_sent_once_too(
    wires: dict[str, Wire], name: str, fault: str, code: str
) -> None:
    wire = wires[name]
    with closing(wire.build()) as provider:
        provider.send(wire.message)
        wire.proxy.behave(fault=fault)
        fail(provider, wire.message, Uncertain, code)
    assert wire.count_arrivals() == 2


@pytest.mark.parametrize("fault", ["hang", "drip", "half_close", "reset", "garbage"])
def test_a_fault_that_is_over_leaves_the_provider_fit(wire: Wire, fault: str) -> None:
    with closing(wire.build()) as provider:
        wire.proxy.behave(fault=fault, after_text=HANDED_OVER[wire.subject.name])
        with pytest.raises(Uncertain):
            provider.send(wire.message)
        wire.proxy.reset()
        provider.send(wire.message)
    assert wire.count_arrivals() == 2


# TLS


def test_a_certificate_that_is_not_trusted_is_a_misconfiguration(
    wires: dict[str, Wire], tls_proxy: TcpProxy
) -> None:
    with closing(connect(f"sendgrid://K@/?endpoint={tls_proxy.url}")) as provider:
        fail(provider, make_message("email"), Misconfigured, "tls_failed")
    assert wires["sendgrid"].count_arrivals() == 0


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_slow_answer_under_tls_is_bounded_too(
    wires: dict[str, Wire], tls_proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_proxy.certificate))
    with closing(connect(f"sendgrid://K@/?endpoint={tls_proxy.url}")) as provider:
        provider.send(make_message("email"))
        tls_proxy.behave(fault=fault)
        fail(provider, make_message("email"), Uncertain, "timeout")
    assert wires["sendgrid"].count_arrivals() == 2


HANDSHAKES: list[tuple[str, type[ProviderError], str]] = [
    ("hang", Transient, "connect_failed"),
    ("drip", Transient, "connect_failed"),
    ("half_close", Transient, "connect_failed"),
    ("reset", Transient, "connect_failed"),
    ("garbage", Misconfigured, "tls_failed"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), HANDSHAKES)
def test_a_failed_handshake_is_no_doubt_for_an_api(
    wires: dict[str, Wire],
    tls_wire: TcpProxy,
    fault: str,
    kind: type[ProviderError],
    code: str,
) -> None:
    tls_wire.behave(fault=fault)
    endpoint = tls_wire.url.replace("http:", "https:")
    with closing(connect(f"sendgrid://K@/?endpoint={endpoint}")) as provider:
        fail(provider, make_message("email"), kind, code)
    assert wires["sendgrid"].count_arrivals() == 0


@pytest.mark.parametrize(("fault", "kind", "code"), HANDSHAKES)
def test_a_failed_handshake_is_no_doubt_for_a_mail_server(
    secure_sink: SmtpSink,
    secure_proxy: TcpProxy,
    fault: str,
    kind: type[ProviderError],
    code: str,
) -> None:
    secure_proxy.behave(fault=fault, after_text=CLIENT_HELLO)
    text = f"smtp://127.0.0.1:{secure_proxy.port}?tls=starttls&ca_file={secure_sink.certificate}"
    with closing(connect(text)) as provider:
        fail(provider, make_message("email"), kind, code)
    assert not secure_sink.messages()


def test_a_hidden_starttls_is_a_misconfiguration_and_nothing_leaves(
    secure_sink: SmtpSink, secure_proxy: TcpProxy
) -> None:
    secure_proxy.behave(hide="STARTTLS")
    text = f"smtp://127.0.0.1:{secure_proxy.port}?tls=starttls&ca_file={secure_sink.certificate}"
    with closing(connect(text)) as provider:
        fail(provider, make_message("email"), Misconfigured, "starttls_not_offered")
    assert not secure_sink.messages()


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_slow_answer_under_starttls_is_bounded_too(
    secure_sink: SmtpSink, secure_proxy: TcpProxy, fault: str
) -> None:
    text = f"smtp://127.0.0.1:{secure_proxy.port}?tls=starttls&ca_file={secure_sink.certificate}"
    with closing(connect(text)) as provider:
        provider.send(make_message("email"))
        secure_proxy.behave(fault=fault)
        fail(provider, make_message("email"), Transient, "timeout")
    assert len(secure_sink.messages()) == 1


# FCM's token


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"fault": "hang"}, "timeout"),
        ({"fault": "drip"}, "timeout"),
        ({"fault": "drip", "after_bytes": 100}, "timeout"),
        ({"fault": "reset"}, "connection_lost"),
        ({"fault": "garbage"}, "unreadable_answer"),
    ],
)
def test_a_token_that_does_not_come_is_transient_and_asked_for_once(
    wires: dict[str, Wire], faults: dict[str, Any], code: str
) -> None:
    wire = wires["fcm"]
    wire.proxy.behave(after_text="/token", **faults)
    with closing(wire.build()) as provider:
        fail(provider, wire.message, Transient, code)
    assert [record["kind"] for record in wire.subject.standin.messages()] == ["token"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_token_that_is_refused_for_now_is_transient_and_asked_for_once(
    wires: dict[str, Wire], status: int
) -> None:
    wire = wires["fcm"]
    wire.subject.misbehave(target="token", code=status, retry_after="7")
    with closing(wire.build()) as provider:
        error = fail(provider, wire.message, Transient, f"http_{status}")
    assert error.retry_after == 7
    assert [record["kind"] for record in wire.subject.standin.messages()] == ["token"]


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("7", 7),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("Thu, 31 Dec 2099 23:59:59 GMT", 86_400),
        ("1000000000", 86_400),
        ("-5", None),
        ("soon", None),
    ],
)
def test_a_used_up_quota_names_its_wait(
    wires: dict[str, Wire], text: str, wait: float | None
) -> None:
    wire = wires["fcm"]
    wire.subject.misbehave(code=429, retry_after=text)
    with closing(wire.build()) as provider:
        assert fail(provider, wire.message, Transient, "http_429").retry_after == wait
    assert wire.count_arrivals() == 1


# Answers that arrive, and are not what they seem


@pytest.fixture
def answer_with() -> Iterator[Callable[[bytes, bool], str]]:
    """Answer every request with these bytes, then close or (True) keep the connection open."""
    with ExitStack() as opened:

        def serve(answer: bytes, hold: bool) -> str:
            server = opened.enter_context(CannedServer(answer, hold=hold))
            return f"http://127.0.0.1:{server.server_address[1]}"

        yield serve


class CannedServer(socketserver.TCPServer):
    """Takes one connection; its thread ends with it, or without one after a while."""

    timeout = 3.0

    def __init__(self, answer: bytes, *, hold: bool) -> None:
        super().__init__(("127.0.0.1", 0), CannedAnswer)
        self.answer, self.hold = answer, hold
        self.thread = threading.Thread(target=self.handle_request)
        self.thread.start()

    def server_close(self) -> None:
        self.thread.join()
        super().server_close()


class CannedAnswer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, CannedServer)
        read_whole_request(self.request)
        with contextlib.suppress(OSError):  # the client need not read all of it
            self.request.sendall(self.server.answer)
        if self.server.hold:
            self.request.settimeout(3)
            with contextlib.suppress(OSError):
                self.request.recv(1)  # until the client gives up


def read_whole_request(connection: socket.socket) -> None:
    said = b""
    while b"\r\n\r\n" not in said:
        said += connection.recv(CHUNK) or b"\r\n\r\n"
    head, _, body = said.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    while len(body) < length:
        body += connection.recv(CHUNK) or bytes(length)


def make_answer(status: int, body: bytes, *, missing: int = 0) -> bytes:
    """An HTTP answer that promises `missing` bytes more than there are."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body) + missing}\r\n\r\n".encode() + body


APIS = ["sendgrid://K@/", "mailgun://K@/x.example", "onesignal://K@/app"]


@pytest.mark.parametrize("base", APIS)
@pytest.mark.parametrize(
    ("answer", "hold", "kind", "code"),
    [
        (make_answer(200, b"<html>trouble", missing=9), True, Uncertain, "timeout"),
        (make_answer(503, b"{", missing=9), True, Transient, "http_503"),
        (make_answer(503, b"{", missing=9), False, Transient, "http_503"),
        (make_answer(200, b'{"x": "' + b"x" * 2_000_000), True, Uncertain, "unreadable_answer"),
        (make_answer(500, b"x" * 2_000_000), True, Transient, "http_500"),
        (make_answer(200, b'"just a word"'), False, Uncertain, "unreadable_answer"),
        (make_answer(200, b"[" * 100_000), False, Uncertain, "unreadable_answer"),
    ],
)
def test_each_strange_answer_ends_in_the_right_error(
    answer_with: Callable[[bytes, bool], str],
    base: str,
    answer: bytes,
    hold: bool,
    kind: type[ProviderError],
    code: str,
) -> None:
    with closing(connect(f"{base}?endpoint={answer_with(answer, hold)}")) as provider:
        error = fail(provider, make_message(provider.channel), kind, code)
    assert len(error.message) < 600


@pytest.mark.parametrize("body", [b'{"error": {"message": "no"}}', b'{"name": ""}', b"[]", b"{"])
def test_a_success_without_a_message_is_uncertain_for_fcm(
    wires: dict[str, Wire], answer_with: Callable[[bytes, bool], str], body: bytes
) -> None:
    port = int(answer_with(make_answer(200, body), False).rpartition(":")[2])
    with closing(wires["fcm"].subject.build(port=port)) as provider:
        provider._auth._credentials.token = "valid"  # noqa: S105, SLF001 - spares the exchange
        fail(provider, wires["fcm"].message, Uncertain, "unreadable_answer")


def test_ids_and_words_are_clean_and_short(answer_with: Callable[[bytes, bool], str]) -> None:
    dirty = r"a\u0000\u001b[31m\ud800\u2028" + "b" * 1000
    accepted = make_answer(200, f'{{"id": "{dirty}"}}'.encode())
    with closing(connect(f"onesignal://K@/app?endpoint={answer_with(accepted, False)}")) as one:
        identity = one.send(make_message("push"))
    assert identity.startswith("a[31mbbb")
    assert identity.isprintable()
    assert len(identity) <= 255
    refused = make_answer(400, b"a\x00\x1b[31m\xff\xe2\x80\xa8" + b"b" * 5000)
    with closing(connect(f"sendgrid://K@/?endpoint={answer_with(refused, False)}")) as other:
        error = fail(other, make_message("email"), Permanent, "http_400")
    assert error.message.isprintable()


class Babbler(socketserver.BaseRequestHandler):
    """A mail server whose greeting has no last line."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.request.sendall(b"220-and so on\r\n" * 100)


def test_a_mail_servers_answer_without_an_end_is_cut_off() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Babbler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with closing(connect(f"smtp://127.0.0.1:{server.server_address[1]}")) as provider:
            fail(provider, make_message("email"), Transient, "connection_lost")
        thread.join()


def test_the_url_and_the_provider_agree_on_the_longest_call(wire: Wire) -> None:
    limits = dict.fromkeys(HANDED_OVER, 2 * SHORT + 1) | {"smtp": 3 * SHORT + 1}
    with closing(wire.build()) as provider:
        assert provider.longest_call_seconds == limits[wire.subject.name]
    (url,) = parse_provider_urls(wire.subject.url.format(key="k", port=1))
    assert url.longest_call_seconds == limits[wire.subject.name]
