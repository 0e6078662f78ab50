"""`manage.py migrate` beside a working system; tests/e2e/test_upgrade.py has it meet traffic."""

import threading
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from notifier.management.commands.migrate import TURN

pytestmark = pytest.mark.django_db(transaction=True)


def ask(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_an_index_that_was_left_unfinished_goes_and_the_limits_come_back() -> None:
    limits = [ask("SHOW lock_timeout"), ask("SHOW statement_timeout")]
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX unfinished ON notifications_notification (status)")
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'unfinished'::regclass"
        )
    call_command("migrate", verbosity=0)
    assert ask("SELECT to_regclass('unfinished')") is None
    assert [ask("SHOW lock_timeout"), ask("SHOW statement_timeout")] == limits


def test_two_that_migrate_at_once_take_turns(tmp_path: Path) -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({TURN})")
    done = threading.Event()

    def migrate() -> None:
        with (tmp_path / "said").open("w") as output:
            call_command("migrate", stdout=output)
        connection.close()
        done.set()

    second = threading.Thread(target=migrate)
    second.start()
    assert not done.wait(1.5)
    other.close()
    assert done.wait(30)
    second.join()
