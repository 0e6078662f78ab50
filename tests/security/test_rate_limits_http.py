"""The limits of a running web process: who a client is, and what happens when Redis goes."""

import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import requests
from structlog.testing import capture_logs

from deploy.local.servers import Postgres, Redis
from notifier.client_address import find_client, warn_of_ignored_proxy
from notifier.shared_state import LEFT_ALONE_SECONDS
from tests.security.live_web import LiveWeb

QUOTA = 5
# One process: while Redis is away, each counts alone.
SETTINGS = {"RATE_LIMIT_ANON": f"{QUOTA}/15m", "TRUSTED_PROXY_COUNT": "1", "WEB_WORKERS": "1"}


class LimitedWeb(LiveWeb):
    """A web process behind one trusted proxy, with small quotas."""

    def build_environment(self) -> dict[str, str]:
        return super().build_environment() | SETTINGS


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("limits") / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, own_redis: Redis
) -> Iterator[LimitedWeb]:
    process = LimitedWeb(
        tmp_path_factory.mktemp("limited") / "web", postgres=postgres, redis=own_redis
    )
    process.start()
    yield process
    process.stop()


def ask(web: LimitedWeb, *forwarded: str, path: str = "/api/v1/users/me") -> tuple[int, str]:
    """Send X-Forwarded-For as so many lines; return the status and what is left."""
    connection = HTTPConnection("127.0.0.1", web.port, timeout=10)
    connection.putrequest("GET", path)
    for line in forwarded:
        connection.putheader("X-Forwarded-For", line)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("RateLimit") or ""


def use_up(web: LimitedWeb, *forwarded: str) -> list[int]:
    return [ask(web, *forwarded)[0] for _ in range(QUOTA + 1)]


SPENT = [401] * QUOTA + [429]


def test_what_a_client_writes_left_of_the_proxy_changes_nothing(web: LimitedWeb) -> None:
    statuses = [ask(web, f"192.0.2.{n}, 10.0.0.{n}, 203.0.113.1")[0] for n in range(QUOTA + 1)]
    assert statuses == SPENT


def test_a_second_line_of_the_header_changes_nothing(web: LimitedWeb) -> None:
    statuses = [ask(web, f"192.0.2.{n}", "203.0.113.2")[0] for n in range(QUOTA + 1)]
    assert statuses == SPENT
    assert ask(web, "203.0.113.2", "203.0.113.3")[0] == 401


def test_walking_through_a_network_of_ipv6_changes_nothing(web: LimitedWeb) -> None:
    statuses = [ask(web, f"2001:db8:1:1::{n:x}")[0] for n in range(QUOTA + 1)]
    assert statuses == SPENT
    assert ask(web, "2001:db8:1:2::1")[0] == 401


def test_an_answer_says_what_the_next_one_will(web: LimitedWeb) -> None:
    assert ask(web, "203.0.113.4")[1].startswith(f'"anon";r={QUOTA - 1};t=')


def test_a_client_that_waits_as_told_is_answered(web: LimitedWeb) -> None:
    use_up(web, "203.0.113.5")
    url = f"{web.url}/api/v1/users/me"
    refused = requests.get(url, headers={"X-Forwarded-For": "203.0.113.5"}, timeout=10)
    assert refused.status_code == 429
    assert refused.json()["error"] == "rate_limited"
    assert 810 <= int(refused.headers["Retry-After"]) <= 900
    assert refused.headers["RateLimit-Policy"] == f'"anon";q={QUOTA};w=900'


def test_probes_are_answered_to_whoever_has_used_up_its_quota(web: LimitedWeb) -> None:
    assert use_up(web, "203.0.113.6") == SPENT
    for path in ("/live", "/ready", "/metrics"):
        assert ask(web, "203.0.113.6", path=path) == (200, ""), path


def test_without_redis_there_is_neither_an_error_nor_no_limit(
    web: LimitedWeb, own_redis: Redis
) -> None:
    own_redis.kill()
    try:
        assert use_up(web, "203.0.113.7") == SPENT
    finally:
        own_redis.start()
    time.sleep(LEFT_ALONE_SECONDS)
    assert use_up(web, "203.0.113.7") == SPENT


def test_a_redis_that_hangs_delays_a_moment_and_stops_nobody(
    web: LimitedWeb, own_redis: Redis
) -> None:
    own_redis.pause()
    try:
        begun_at = time.monotonic()
        assert use_up(web, "203.0.113.8") == SPENT
        assert time.monotonic() - begun_at < 2
    finally:
        own_redis.resume()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "client"),
    [
        (0, "203.0.113.1", "10.0.0.1"),
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "evil, 203.0.113.1", "203.0.113.1"),
        (2, "evil, 203.0.113.1, 10.0.0.2", "203.0.113.1"),
        (2, "203.0.113.1", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
        (1, "203.0.113.1:4711", "203.0.113.1"),
        (1, "2001:db8::1", "2001:db8::/64"),
        (1, "[2001:db8::1]:4711", "2001:db8::/64"),
        (1, "fe80::1%eth0", "fe80::/64"),
        (1, "::ffff:203.0.113.1", "203.0.113.1"),
        (1, "203.0.113.1,", "10.0.0.1"),
    ],
)
def test_the_client_is_whom_the_outermost_trusted_proxy_saw(
    proxies: int, forwarded: str, client: str
) -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}
    assert find_client(meta, trusted_proxies=proxies) == client


def test_a_request_over_a_unix_socket_has_a_quota_too() -> None:
    assert find_client({"REMOTE_ADDR": ""}, trusted_proxies=0) == "unknown"


def test_a_proxy_that_is_not_counted_is_told_of_once_and_without_addresses() -> None:
    warn_of_ignored_proxy.cache_clear()
    direct = {"REMOTE_ADDR": "192.0.2.1"}
    proxied = direct | {"HTTP_X_FORWARDED_FOR": "198.51.100.7"}
    with capture_logs() as lines:
        find_client(direct, trusted_proxies=0)
        find_client(proxied, trusted_proxies=1)
        assert not lines
        for _ in range(3):
            assert find_client(proxied, trusted_proxies=0) == "192.0.2.1"
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("forwarded_for_ignored", "warning")
    assert "198.51" not in str(line)
