"""The migrations that seal rows which exist, there and back, on both databases."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management.base import CommandError

from apps.users.models import User
from deploy.local.servers import Postgres
from notifier.encryption_rows import count_readable, seal_rows
from notifier.sql import run
from tests.factories import make_user
from tests.session import FOLDER

PROJECT = Path(__file__).parents[3]
BEFORE = (("delivery", "0002"), ("notifications", "0003"), ("users", "0002"))
USER, ORGANIZATION, ROW = (f"01900000-0000-7000-8000-00000000000{n}" for n in range(3))
Query = Callable[..., list[tuple[Any, ...]]]


class Database:
    """A database of its own, and `manage.py` on it."""

    def __init__(self, url: str, var: Path, connect: Callable[[], Any], *, hexed: bool) -> None:
        self.environment = {**os.environ, "DATABASE_URL": url, "NOTIFIER_VAR_DIR": str(var)}
        self.connect, self.hexed = connect, hexed

    def manage(self, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def id(self, text: str) -> str:
        return text.replace("-", "") if self.hexed else text

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = self.connect()
        try:
            mark = "?" if self.hexed else "%s"
            cursor = connection.execute(sql.replace("@", mark), values)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
        finally:
            connection.close()
        return rows


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        file = tmp_path / "old.sqlite3"
        url = f"sqlite:///{file}"
        return Database(url, tmp_path, lambda: sqlite3.connect(file), hexed=True)
    postgres: Postgres = request.getfixturevalue("postgres")
    postgres.create_database("before_sealing")
    url = postgres.build_url("before_sealing")
    var = FOLDER / "before_sealing"
    return Database(url, var, lambda: psycopg.connect(url), hexed=False)


def go_back(database: Database) -> None:
    for app, number in BEFORE:
        database.manage("migrate", app, number, "-v", "0")


def insert(database: Database, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join("@" for _ in values)
    database.query(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())  # noqa: S608  # our own names


def fill(database: Database) -> None:
    """Put in what the columns held before they were sealed."""
    now = "2026-11-01 10:00:00+00:00"
    organization, user = database.id(ORGANIZATION), database.id(USER)
    insert(
        database,
        "notifier_organization",
        id=organization,
        slug="acme",
        name="Acme",
        is_active=True,
        created_at=now,
    )
    insert(
        database,
        "users_user",
        id=user,
        organization_id=organization,
        email="Ada@example.org",
        email_key="ada@example.org",
        name="Ada",
        password="!",  # noqa: S106  # nobody's
        is_superuser=False,
        role="member",
        language="en",
        timezone="UTC",
        email_enabled=True,
        push_enabled=True,
        is_active=True,
        is_staff=False,
        created_at=now,
        updated_at=now,
    )
    insert(
        database,
        "notifications_notification",
        id=database.id(ROW),
        organization_id=organization,
        channel="email",
        mode="live",
        priority=5,
        correlation_id="c",
        request_digest="d" * 64,
        recipient="Ada@example.org",
        platform="",
        template_code="",
        language="",
        content='{"text": "Hello, Ada"}',
        variables='{"name": "Ada"}',
        metadata="{}",
        delivery_guarantee="at_least_once",
        status="sent",
        reason="",
        attempts=1,
        retries=0,
        doubts=0,
        fence=1,
        provider="",
        provider_message_id="",
        error_code="",
        error="",
        detail="{}",
        reached_devices="[]",
        created_at=now,
        due_at=now,
    )


def read_rows(database: Database) -> tuple[Any, ...]:
    (user,) = database.query("SELECT email, email_key, name FROM users_user")
    (row,) = database.query(
        "SELECT recipient, content, variables, metadata FROM notifications_notification"
    )
    return (*user, *row)


def test_what_was_stored_is_sealed_found_and_can_be_brought_back(database: Database) -> None:
    go_back(database)
    fill(database)
    before = read_rows(database)
    database.manage("migrate", "-v", "0")
    sealed = read_rows(database)
    assert "ada" not in repr(sealed).lower()
    (index,) = database.query("SELECT recipient_index FROM notifications_notification")
    assert index == (sealed[1],)  # the user's: they have the same address
    shown = [sealed[position].startswith("1.") for position in (0, 2, 3, 4, 5)]
    assert all(shown)
    assert sealed[6] == "{}"
    go_back(database)
    assert read_rows(database) == before


@pytest.mark.django_db
def test_what_is_written_readably_behind_the_walk_is_told_of() -> None:
    seen, waiting = sorted((make_user(), make_user()), key=lambda user: user.pk)
    write_name(waiting.pk, "Grace")

    def write_behind(_row: Any, readable: Any) -> dict[str, Any]:
        if readable.get("name") == "Grace":
            write_name(seen.pk, "Ada")  # as a process of the old version would
        return {}

    with pytest.raises(CommandError, match=r"users_user: 1 rows .* `migrate` again"):
        seal_rows(User, derive=write_behind)
    assert count_readable(User) == 1
    seal_rows(User, derive=write_behind)
    assert count_readable(User) == 0
    assert set(User.objects.values_list("name", flat=True)) == {"Ada", "Grace"}


def write_name(user_id: Any, name: str) -> None:
    run("UPDATE users_user SET name = %s WHERE id = %s", [name, user_id])
