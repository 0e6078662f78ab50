"""Database, broker and cache over TLS: an installation on servers without any plain port."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from celery import current_app
from kombu import Connection

from notifier.tls_options import read_broker_address
from tests.e2e.installation import Installation
from tests.security.tls_certificates import DAY, Authority, Certificate
from tests.security.tls_servers import HOST, TlsFiles, TlsPostgres, TlsRabbitMQ, TlsRedis
from tests.standins.processes import FcmService, SmtpSink

SERVERS = {"database": "DATABASE_URL", "broker": "BROKER_URL", "cache": "CACHE_URL"}
OTHER_CA = "the server's certificate is not of a CA that is trusted here"
OTHER_NAME = "the server's certificate is for another host name"
MAIL = {
    "notification_type": "email",
    "to": {"email": "reader@example.org"},
    "content": {"subject": "Hello", "text": "Over TLS"},
}


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The servers, their authority, and what they show as long as all is well."""

    authority: Authority
    good: Certificate
    files: TlsFiles
    postgres: TlsPostgres
    rabbitmq: TlsRabbitMQ
    redis: TlsRedis

    @property
    def servers(self) -> tuple[TlsPostgres, TlsRabbitMQ, TlsRedis]:
        return self.postgres, self.rabbitmq, self.redis

    def start(self) -> None:
        for server in self.servers:
            server.show(self.good, trusting=self.authority, files=self.files)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(), self.servers))

    def stop(self) -> None:
        for server in self.servers:
            server.kill()
        self.rabbitmq.stop()
        self.postgres.remove()

    def build_urls(self, *, host: str, files: TlsFiles) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.build_url("notifier", host=host, files=files),
            "BROKER_URL": self.rabbitmq.build_url(host=host, files=files),
            "CACHE_URL": self.redis.build_url(host=host, files=files),
        }


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder / "ca")
    ground = Ground(
        authority=authority,
        good=authority.issue("server", address=HOST),
        files=TlsFiles(authority=authority.path, client=authority.issue("client")),
        postgres=TlsPostgres(folder / "postgres", durable=False),
        rabbitmq=TlsRabbitMQ(folder / "rabbitmq"),
        redis=TlsRedis(folder / "redis"),
    )
    try:
        ground.start()
        yield ground
    finally:
        ground.stop()


@pytest.fixture(scope="module")
def installation(
    ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """What a mail passes through, and the consumer of failed.queue with its own connection."""
    folder = tmp_path_factory.mktemp("installation")
    whole = Installation(
        folder=folder,
        postgres=ground.postgres,
        rabbitmq=ground.rabbitmq,
        redis=ground.redis,
        sink=SmtpSink(folder / "smtp"),
        fcm=FcmService(folder / "fcm"),
        settings={"WEB_WORKERS": "1", "EMAIL_CONCURRENCY": "1"},
    )
    whole.sink.start()
    try:
        whole.start("web", "relay", "email", "dead-letters")
        yield whole
    finally:
        whole.stop()
        whole.sink.kill()


def consult_doctor(installation: Installation, **settings: str) -> dict[str, dict[str, str]]:
    before = installation.settings
    installation.settings = {**before, **settings}
    try:
        found = json.loads(installation.manage("doctor", "--json", check=False))["checks"]
    finally:
        installation.settings = before
    return {finding["name"]: finding for finding in found}


def ask_readiness(installation: Installation) -> dict[str, Any]:
    """Return what /ready says of each; where it is 503, of those that are the reason."""
    answer = requests.get(f"http://{HOST}:{installation.port}/ready", timeout=5).json()["data"]
    if "checks" in answer:
        return dict(answer["checks"])
    return {error["field"]: error["message"] for error in answer["errors"]}


def count_told(installation: Installation) -> dict[str, int]:
    """Return how often each role has said what is wrong with the broker."""
    said = [line for line in installation.lines if "has expired" in line and "BROKER_URL" in line]
    return {
        role: sum(line.startswith(f"{role}: ") for line in said)
        for role in ("relay", "email", "dead-letters")
    }


def connect(ground: Ground) -> Connection:
    """Return a connection with the limits that ours have."""
    address = read_broker_address(ground.rabbitmq.url)
    limits = current_app.conf
    return Connection(
        address.url,
        ssl=address.tls,
        connect_timeout=limits.broker_connection_timeout,
        transport_options=limits.broker_transport_options,
    )


def test_a_mail_goes_its_whole_way_over_tls(ground: Ground, installation: Installation) -> None:
    accepted = installation.accept(MAIL)
    assert installation.wait_for_final(accepted, limit=20) == "sent"
    assert len(installation.sink.messages(outcome="accepted")) == 1
    found = consult_doctor(installation)
    assert {found[name]["state"] for name in (*SERVERS, "email.queue", "tls")} == {"ok"}
    assert found["tls"]["message"] == "DATABASE_URL, BROKER_URL, CACHE_URL"
    assert set(ask_readiness(installation).values()) == {"ok"}
    with psycopg.connect(ground.postgres.url) as connection:
        sessions = connection.execute(
            "SELECT query, ssl, client_dn FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            " WHERE backend_type = 'client backend'"
        ).fetchall()
    assert {(ssl, name) for _, ssl, name in sessions} == {(True, "/CN=client")}
    assert any(query.startswith("LISTEN") for query, _, _ in sessions)


def test_a_server_of_another_authority_is_refused(
    ground: Ground, installation: Installation, tmp_path: Path
) -> None:
    strange = TlsFiles(authority=Authority(tmp_path / "other").path, client=ground.files.client)
    found = consult_doctor(installation, **ground.build_urls(host=HOST, files=strange))
    for name, setting in SERVERS.items():
        assert found[name]["state"] == "failed"
        assert found[name]["message"].startswith(f"{setting}: {OTHER_CA}"), found[name]


def test_a_server_of_another_name_is_refused(ground: Ground, installation: Installation) -> None:
    urls = ground.build_urls(host="localhost", files=ground.files)
    found = consult_doctor(installation, **urls)
    for name, setting in SERVERS.items():
        assert found[name]["state"] == "failed"
        assert found[name]["message"].startswith(f"{setting}: {OTHER_NAME}"), found[name]


def test_a_client_without_a_certificate_is_told(
    ground: Ground, installation: Installation
) -> None:
    nobody = TlsFiles(authority=ground.authority.path, client=None)
    found = consult_doctor(installation, **ground.build_urls(host=HOST, files=nobody))
    for name, setting in SERVERS.items():
        assert found[name]["state"] == "failed"
        assert found[name]["message"].startswith(f"{setting}: the server ")
        assert "wants a client certificate" in found[name]["message"]


def test_expired_certificates_are_told_and_lose_nothing(
    ground: Ground, installation: Installation
) -> None:
    """The web keeps its session with PostgreSQL and accepts; everybody else waits in turn."""
    expired = ground.authority.issue("expired", address=HOST, valid_for=-DAY)
    try:
        ground.rabbitmq.change_certificate(expired)
        ground.redis.change_certificate(expired)
        accepted = installation.accept(MAIL)
        installation.wait_until(lambda: all(count_told(installation).values()), limit=30)
        told, began_at = count_told(installation), time.monotonic()
        time.sleep(3)
        elapsed = time.monotonic() - began_at
        more = {role: count - told[role] for role, count in count_told(installation).items()}
        # Every second or so, and not as fast as it can.
        assert max(more.values()) <= 2 * elapsed + 2, more
        checks = ask_readiness(installation)
        assert checks["broker"] == "BROKER_URL: the server's certificate has expired"
        assert checks["cache"] == "CACHE_URL: the server's certificate has expired"
        assert installation.status(accepted) == "pending"
        ground.postgres.change_certificate(expired)
        time.sleep(2)  # as long as an answer of /ready is kept
        checks = ask_readiness(installation)
        assert checks["database"] == f"DATABASE_URL: {OTHER_CA}, or has expired"
    finally:
        for server in ground.servers:
            server.change_certificate(ground.good)
    assert installation.wait_for_final(accepted, limit=30) == "sent"
    with connect(ground) as connection:
        channel: Any = connection.default_channel
        installation.wait_until(
            lambda: channel.queue_declare("failed.queue", passive=True).consumer_count, limit=20
        )
    assert set(ask_readiness(installation).values()) == {"ok"}


def test_a_broker_that_hangs_holds_nobody_up(ground: Ground) -> None:
    """TLS answers reads of the socket in its own way, so its limits are not those of plain TCP."""
    with connect(ground) as connection:
        channel: Any = connection.default_channel
        ground.rabbitmq.pause()
        try:
            begun_at = time.monotonic()
            with pytest.raises(OSError, match="timed out"):
                channel.queue_declare("email.queue", passive=True)
            assert time.monotonic() - begun_at < 2
        finally:
            ground.rabbitmq.resume()
        connection.collect()
