"""Private PostgreSQL, RabbitMQ and Redis as the commands and the tests start them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import amqp
import psycopg
import pytest
import redis

from deploy.local.environment import VARIABLES, read_environment_file
from deploy.local.errors import CannotRun
from deploy.local.ports import is_free_port
from deploy.local.processes import DetachedProcess, ProcessId, is_alive
from deploy.local.servers import Postgres, RabbitMQ, Redis

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres")
    server.start()
    yield server
    server.remove()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def test_postgres_keeps_its_data_and_port_through_a_kill(postgres: Postgres) -> None:
    url = postgres.url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1812)")
    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2)
    assert postgres.start() is True
    assert postgres.url == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1812,)]


def test_a_killed_postgres_leaves_no_backend_behind(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        backend = connection.info.backend_pid
        postgres.kill()
        wait_until_gone(backend)


def wait_until_gone(pid: int) -> None:
    record = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + 5
    while record.exists() and record.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_another_instance_finds_the_running_server(postgres: Postgres) -> None:
    found = Postgres(postgres.folder)
    assert found.start() is False
    assert (found.pid, found.url) == (postgres.pid, postgres.url)


def test_durability_is_on_unless_it_is_given_up(postgres: Postgres, tmp_path: Path) -> None:
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)
    fast = Postgres(tmp_path / "fast", durable=False)
    fast.start()
    try:
        with psycopg.connect(fast.url) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
    finally:
        fast.remove()


def test_a_paused_postgres_does_not_answer_on_an_open_connection(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        postgres.pause()
        connection.pgconn.send_query(b"SELECT 1")
        time.sleep(0.3)
        connection.pgconn.consume_input()
        assert connection.pgconn.is_busy()
        postgres.resume()
        deadline = time.monotonic() + 5
        while connection.pgconn.is_busy():
            assert time.monotonic() < deadline
            connection.pgconn.consume_input()
        connection.pgconn.get_result()
        connection.pgconn.get_result()


def test_a_paused_server_can_be_stopped(cache: Redis) -> None:
    cache.pause()
    begun = time.monotonic()
    cache.stop()
    assert time.monotonic() - begun < 5
    assert not cache.is_running()


def test_redis_answers_and_comes_back_empty_on_its_port(cache: Redis) -> None:
    with redis.Redis.from_url(cache.url) as client:
        client.set("a", "b")
        cache.kill()
        assert not cache.is_running()
        cache.start()
        assert client.get("a") is None


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres")
    server.start()
    server.stop()
    try:
        (server.data / "PG_VERSION").write_text("7.1\n")
        with pytest.raises(CannotRun, match=r"PostgreSQL ended[\s\S]*incompatible"):
            server.start()
    finally:
        server.remove()


def test_a_given_port_that_is_taken_is_an_error_at_once(cache: Redis, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=f"port {cache.port} is taken"):
        Redis(tmp_path / "other", port=cache.port).start()


def test_a_recycled_pid_is_not_taken_for_the_server(tmp_path: Path) -> None:
    record = tmp_path / "server.pid"
    record.write_text(f"{os.getpid()} 1\n")  # alive, but not born at tick 1
    process = DetachedProcess(record)
    assert process.find() is None
    process.kill()  # would end this very test


def test_rabbitmq_survives_a_kill_and_leaves_nothing_running(tmp_path: Path) -> None:
    broker = RabbitMQ(tmp_path / "rabbitmq")
    broker.start()
    try:
        declare_with_message(broker)
        assert "kept" in broker.ctl("list_queues", "name")
        broker.kill()
        assert is_free_port(broker.port)
        broker.start()
        assert count_messages(broker) == 1
    finally:
        broker.stop()
    assert all(is_free_port(port) for port in broker.ports.values())


def connect_broker(broker: RabbitMQ) -> amqp.Connection:
    connection = amqp.Connection(f"127.0.0.1:{broker.port}", connect_timeout=5)
    connection.connect()
    return connection


def declare_with_message(broker: RabbitMQ) -> None:
    with connect_broker(broker) as connection:
        channel = connection.channel()
        channel.queue_declare("kept", durable=True, auto_delete=False)
        message = amqp.Message("hello", delivery_mode=2)
        channel.confirm_select()
        channel.basic_publish_confirm(message, routing_key="kept", timeout=5)


def count_messages(broker: RabbitMQ) -> int:
    with connect_broker(broker) as connection:
        declared = connection.channel().queue_declare("kept", passive=True)
        assert declared is not None
        return int(declared[1])


def run_command(action: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-m", "deploy.local.servers", action, "--dir", str(folder)]
    return subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=PROJECT,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def read_pids(folder: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in folder.glob("*/server.pid")}


def test_up_twice_starts_once_and_down_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "servers"
    try:
        assert run_command("up", folder).returncode == 0
        pids = read_pids(folder)
        first = read_environment_file(tmp_path / "servers.env")
        assert set(first) == set(VARIABLES)
        again = run_command("up", folder)
        assert again.stdout.count("already running") == 3
        assert read_pids(folder) == pids
        assert run_command("status", folder).returncode == 0
        psycopg.connect(first["DATABASE_URL"]).close()
    finally:
        down = run_command("down", folder)
        Postgres(folder / "postgres").remove()
    assert down.stdout.count("stopped") == 3
    assert not any(is_alive(ProcessId(*map(int, text.split()))) for text in pids.values())
    assert run_command("status", folder).returncode == 1


def test_a_given_address_is_written_and_its_server_not_started(tmp_path: Path) -> None:
    folder = tmp_path / "servers"
    given = {"DATABASE_URL": "postgres://u:secret@db/n", "BROKER_URL": "amqp://b//"}
    try:
        up = run_command("up", folder, **given)
        assert set(read_pids(folder)) == {"redis"}
        written = read_environment_file(tmp_path / "servers.env")
        assert given.items() <= written.items()
        assert "secret" not in up.stdout
    finally:
        run_command("down", folder)


def test_a_server_that_died_is_started_by_the_next_up(tmp_path: Path) -> None:
    folder = tmp_path / "servers"
    given = {"DATABASE_URL": "postgres://db/n", "BROKER_URL": "amqp://b//"}
    try:
        run_command("up", folder, **given)
        pid = int(read_pids(folder)["redis"].split()[0])
        os.kill(pid, signal.SIGKILL)
        before = read_environment_file(tmp_path / "servers.env")
        assert "started" in run_command("up", folder, **given).stdout
        assert read_environment_file(tmp_path / "servers.env") == before
    finally:
        run_command("down", folder)
