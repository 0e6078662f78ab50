"""Row 21: PostgreSQL's disk is full, that of its tables and that of its log."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import requests

from deploy.local.servers import Postgres
from tests.faults.field import Field
from tests.faults.ledgers import query
from tests.faults.registry import fault_row
from tests.faults.small_disk import SmallDisk, mount_small_disk
from tests.faults.traffic import build_mixed, is_honest_refusal

TABLES_MEGABYTES = 64
LOG_MEGABYTES = 160
_READ_ALL = (
    "SELECT count(n::text) FROM notifications_notification AS n",
    "SELECT count(e::text) FROM notifications_notificationevent AS e",
)
_TORN = (
    "SELECT count(*) FROM notifications_notification AS n WHERE NOT EXISTS"
    " (SELECT FROM notifications_notificationevent AS e WHERE e.notification_id = n.id)"
)


@fault_row("21", "the tables' disk is full", settle=60)
def fill_tables_disk(field: Field) -> None:
    disk = field.exits.enter_context(_small_disk(field, TABLES_MEGABYTES))
    field.exits.enter_context(_tables_on(field, disk))
    field.begin_traffic(field.size(900, 200), rate=20)
    field.pause(2, 3)
    with field.fault():
        disk.fill()
        _expect_refusals(field)
        time.sleep(field.size(20, 4))
        disk.free()
    _expect_whole_rows(field)


@fault_row("21b", "the disk of PostgreSQL's log is full", settle=60)
def fill_logs_disk(field: Field) -> None:
    """PostgreSQL ends when it cannot write its log; it is started again once there is room."""
    postgres = field.installation.postgres
    disk = field.exits.enter_context(_small_disk(field, LOG_MEGABYTES))
    field.exits.enter_context(_log_on(postgres, disk))
    field.begin_traffic(field.size(900, 200), rate=20)
    field.pause(2, 3)
    with field.fault():
        disk.fill()
        _use_up_log(postgres)
        _expect_refusals(field)
        time.sleep(field.size(10, 3))
        disk.free()
        postgres.kill()  # whatever is left of it
        postgres.start()
    _expect_whole_rows(field)


@contextlib.contextmanager
def _small_disk(field: Field, megabytes: int) -> Iterator[SmallDisk]:
    """A disk beside the data, where PostgreSQL's user may go."""
    postgres = field.installation.postgres
    with tempfile.TemporaryDirectory(dir=postgres.data.parent) as name:
        home, user = Path(name), postgres.choose_user()
        if user:
            shutil.chown(home, user, user)
        with mount_small_disk(home / "disk", megabytes=megabytes, user=user) as disk:
            yield disk


@contextlib.contextmanager
def _tables_on(field: Field, disk: SmallDisk) -> Iterator[None]:
    query(field.installation, f"CREATE TABLESPACE small LOCATION '{disk.place}'")
    try:
        _move_tables(field, "small")
        yield
    finally:
        disk.free()
        _move_tables(field, "pg_default")
        query(field.installation, "DROP TABLESPACE small")


def _move_tables(field: Field, tablespace: str) -> None:
    other = "pg_default" if tablespace == "small" else "small"
    for kind in ("TABLE", "INDEX"):
        query(
            field.installation,
            f"ALTER {kind} ALL IN TABLESPACE {other} SET TABLESPACE {tablespace}",
        )


@contextlib.contextmanager
def _log_on(postgres: Postgres, disk: SmallDisk) -> Iterator[None]:
    usual, small = postgres.data / "pg_wal", disk.place / "pg_wal"
    _move_log(postgres, usual, small)
    usual.symlink_to(small)
    try:
        postgres.start()
        yield
    finally:
        disk.free()
        postgres.stop()
        usual.unlink()
        _move_log(postgres, small, usual)
        postgres.start()


def _move_log(postgres: Postgres, source: Path, target: Path) -> None:
    postgres.stop()
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if user := postgres.choose_user():
            shutil.chown(path, user, user)
    shutil.rmtree(source)


def _use_up_log(postgres: Postgres) -> None:
    """Write until the segments that are there are used up, and PostgreSQL needs another one."""
    with contextlib.suppress(psycopg.Error):
        while True:
            with psycopg.connect(postgres.url, autocommit=True, connect_timeout=2) as connection:
                connection.execute("SELECT pg_switch_wal() FROM txid_current()")


def _expect_refusals(field: Field) -> None:
    """A table has room within its pages for a while: post until it is used up."""
    refused: requests.Response | None = None
    for number in range(400):
        answer = field.installation.post("/notifications", build_mixed(number))
        if not answer.ok:
            refused = answer
            break
        field.more_accepted.append(answer.json()["data"]["notification_id"])
    honest = refused is not None and is_honest_refusal(refused)
    field.expect(honest, f"a full disk was answered with {refused and refused.text[:200]}")


def _expect_whole_rows(field: Field) -> None:
    """Every page can be read, and no row was stored without its event."""
    for statement in _READ_ALL:
        query(field.installation, statement)
    torn = query(field.installation, _TORN)[0]["count"]
    field.expect(not torn, f"{torn} rows without an event")
