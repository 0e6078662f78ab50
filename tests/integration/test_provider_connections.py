"""The kept connections that pushes go over: TLS, proxies, and ends that nobody announces."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import Misconfigured, Timeouts
from apps.delivery.providers.http_kept import open_poster
from apps.delivery.providers.urls import parse_provider_urls
from tests.integration.provider_subjects import (
    fail_to_send,
    forbid_store,
    make_message,
    write_service_account,
)
from tests.standins.processes import FcmService, TcpProxy

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def fcm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FcmService]:
    service = FcmService(tmp_path_factory.mktemp("fcm"))
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def wall(fcm: FcmService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpProxy]:
    """Speaks TLS in front of FCM's stand-in."""
    proxy = TcpProxy(tmp_path_factory.mktemp("wall"), target=fcm.port, tls=True)
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def url(wall: TcpProxy, tmp_path: Path) -> str:
    return f"fcm://{write_service_account(tmp_path / 'key.json')}?endpoint={wall.url}"


def test_pushes_go_over_one_connection_under_tls(
    fcm: FcmService, wall: TcpProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcm.reset()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(wall.certificate))
    (parsed,) = parse_provider_urls(url)
    with closing(build_provider(parsed, channel="push", store=forbid_store)) as provider:
        for _ in range(3):
            provider.send(make_message("push"))  # type: ignore[arg-type]  # it is a push
    assert len({record["connection"] for record in fcm.messages(kind="send")}) == 1


def test_a_certificate_that_is_not_trusted_stops_what_would_be_sent(
    fcm: FcmService, wall: TcpProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcm.reset()
    poster = open_poster(f"{wall.url}/v1/projects/x/messages:send", timeouts=Timeouts())
    with closing(poster), pytest.raises(Misconfigured) as caught:
        poster.post(b"{}", headers={})
    assert caught.value.code == "tls_failed"
    (parsed,) = parse_provider_urls(url)
    with closing(build_provider(parsed, channel="push", store=forbid_store)) as provider:
        assert fail_to_send(provider, make_message("push"), Misconfigured).code == "tls_failed"
    assert not fcm.messages()


class OneAnswerServer:
    """Answers one request on each connection, then closes it without a word about it."""

    def __init__(self, *, connections: int) -> None:
        self.heads: list[bytes] = []
        self.closed = threading.Semaphore(0)
        self._connections = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        for _ in range(self._connections):
            with ExitStack() as opened:
                connection = opened.enter_context(self._listener.accept()[0])
                self.heads.append(connection.recv(64 * 1024))
                connection.sendall(ANSWER)
            self.closed.release()


def test_a_connection_that_ended_while_it_was_idle_is_replaced_before_anything_is_sent() -> None:
    with closing(OneAnswerServer(connections=2)) as server:
        poster = open_poster(f"http://127.0.0.1:{server.port}/x", timeouts=Timeouts())
        with closing(poster):
            for _ in range(2):
                assert poster.post(b"{}", headers={"A": "b"}).content == b"ok"
                assert server.closed.acquire(timeout=5)
    first, second = server.heads
    assert first == second
    assert first.startswith(b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert first.endswith(b"\r\nA: b\r\nContent-Length: 2\r\n\r\n{}")


def test_a_proxy_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(OneAnswerServer(connections=1)) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
        poster = open_poster("http://fcm.invalid/x", timeouts=Timeouts())
        with closing(poster):
            answer = poster.post(b"{}", headers={"Authorization": "Bearer t"})
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert server.heads[0].startswith(b"POST http://fcm.invalid/x HTTP/1.1\r\n")
    assert b"Authorization: Bearer t\r\n" in server.heads[0]
