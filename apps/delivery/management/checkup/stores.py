"""Checks of the database and the cache."""

from datetime import UTC, datetime, timedelta

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from apps.delivery.management.checkup.finding import (
    SECONDS,
    Finding,
    NoAnswer,
    answer_in_time,
    describe_absence,
    failed,
    passed,
    warned,
)
from notifier.management.command_line import manage_command
from notifier.sql import is_postgresql

TOLERATED_SKEW = timedelta(seconds=2)


def check_database() -> Finding:
    try:
        read_database_clock()
    except (DatabaseError, psycopg.Error, NoAnswer, OSError) as error:
        mend = "" if is_postgresql() else manage_command("migrate")
        return describe_absence("database", error, setting="DATABASE_URL", mend=mend)
    return passed("database", _describe_database())


def check_migrations() -> Finding:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        names = ", ".join(f"{each.app_label}.{each.name}" for each, _ in waiting[:3])
        more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        message = f"not applied: {names}{more}"
        return failed("migrations", message, mend=manage_command("migrate"))
    return passed("migrations", f"all {len(executor.loader.applied_migrations)} applied")


def check_clock() -> Finding:
    """Due-ness is decided by the database's clock, tokens by ours."""
    before = timezone.now()
    theirs = read_database_clock()
    middle = before + (timezone.now() - before) / 2
    skew = abs(theirs - middle)
    if skew > TOLERATED_SKEW:
        message = f"the database's clock differs from ours by {skew.total_seconds():.1f} s"
        return warned("clock", message, mend="timedatectl set-ntp true")
    return passed("clock", f"{skew.total_seconds() * 1000:.0f} ms from the database's")


def check_cache() -> Finding:
    if not settings.CACHE_URL:
        return passed("cache", "inside each process")
    try:
        answer_in_time(_ping_cache)
    except (RedisError, NoAnswer, OSError, ValueError) as error:
        return describe_absence("cache", error, setting="CACHE_URL")
    return passed("cache", "Redis answers")


def read_database_clock() -> datetime:
    """Return the database's time, over a connection of its own that waits two seconds at most."""
    if not is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')")
            return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
    parameters = connection.get_connection_params() | {"connect_timeout": int(SECONDS)}
    for name in ("cursor_factory", "context"):  # Django's own, not psycopg's
        parameters.pop(name, None)
    return answer_in_time(lambda: _ask_postgresql(parameters))


def _ask_postgresql(parameters: dict[str, object]) -> datetime:
    with psycopg.connect(**parameters) as asked:  # type: ignore[arg-type]  # Django's dictionary
        row = asked.execute("SELECT clock_timestamp()").fetchone()
        return datetime.fromisoformat(str(row[0])) if row else timezone.now()


def _describe_database() -> str:
    if is_postgresql():
        version = connection.pg_version  # type: ignore[attr-defined]  # of PostgreSQL's wrapper
        return f"PostgreSQL {version // 10000}.{version % 10000}"
    return f"SQLite, {connection.settings_dict['NAME']}"


def _ping_cache() -> None:
    with Redis.from_url(
        settings.CACHE_URL, socket_timeout=SECONDS, socket_connect_timeout=SECONDS
    ) as redis:
        redis.ping()
