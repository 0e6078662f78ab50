"""Rows 10-12: the database and the cache go away, come back, hang, forget."""

import os
import signal
import time

import psycopg
import redis

from deploy.local.servers import Postgres
from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row

LOCK = "LOCK TABLE notifications_notification IN ACCESS EXCLUSIVE MODE"
TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@fault_row("10", "PostgreSQL restarted: fast, immediate, kill -9", soak=True)
def restart_database(field: Field) -> None:
    field.begin_traffic(field.size(1500, 200), rate=30)
    for end in (_end_fast, _end_immediately, _end_by_kill) * field.size(3, 1):
        field.pause(2, 4)
        with field.fault():
            end(field.installation.postgres)
            field.pause(0.5, 4)
            field.installation.postgres.start()


def _end_fast(postgres: Postgres) -> None:
    postgres.stop()


def _end_immediately(postgres: Postgres) -> None:
    if pid := postgres.pid:
        os.kill(pid, signal.SIGQUIT)
    while postgres.is_running():
        time.sleep(0.05)


def _end_by_kill(postgres: Postgres) -> None:
    postgres.kill()


@fault_row("11", "database connections killed, table locked", soak=True)
def trouble_connections(field: Field) -> None:
    field.begin_traffic(field.size(800, 120), rate=20)
    with field.fault():
        for _ in range(field.size(10, 3)):
            field.pause(0.5, 1.2)
            query(field.installation, TERMINATE)
    with field.fault():
        _hold_lock(field, seconds=field.size(20, 6))


def _hold_lock(field: Field, *, seconds: float) -> None:
    with psycopg.connect(field.installation.environment()["DATABASE_URL"]) as connection:
        connection.execute(LOCK)
        time.sleep(seconds)


@fault_row("12", "Redis stopped, emptied, full, frozen", short=True, doubts=False, soak=True)
def trouble_cache(field: Field) -> None:
    cache = field.installation.redis
    field.begin_traffic(field.size(1000, 200), rate=30)
    field.pause(0.5, 1)
    with field.fault():
        cache.kill()
        time.sleep(field.size(8, 2))
        cache.start()
        for _ in range(5):
            field.pause(0.1, 0.5)
            _tell_cache(field, "FLUSHALL")
        _tell_cache(field, "CONFIG", "SET", "maxmemory", "1mb")
        time.sleep(field.size(5, 1))
        _tell_cache(field, "CONFIG", "SET", "maxmemory", "0")
        cache.pause()
        time.sleep(field.size(8, 2))
        cache.resume()


def _tell_cache(field: Field, *words: str) -> None:
    with redis.Redis(host="127.0.0.1", port=field.installation.redis.port) as client:
        client.execute_command(*words)
