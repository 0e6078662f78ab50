"""The fast accept over connections that die: a 202 or a 503, never a lost or a doubled row."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import NotSupportedError, connection, transaction

from apps.notifications.models import Notification, NotificationEvent
from apps.notifications.models.claimed import load_claimed
from apps.notifications.models.transitions.accepting import insert_proven
from notifier.models import Organization
from tests.integration.api.calling import Answer, Caller
from tests.integration.notifications.ledger import mail
from tests.integration.quick.elsewhere import ask, backend_pid, elsewhere, kill
from tests.integration.quick.holding import LIMIT, ORDER, hold_request_id, prepare

pytestmark = pytest.mark.django_db(transaction=True)


def count_rows_and_events() -> tuple[int, int]:
    return Notification.objects.count(), NotificationEvent.objects.count()


def test_a_connection_that_died_meanwhile_is_replaced(sender: Caller) -> None:
    kill(backend_pid())
    answer = sender.post("/notifications", mail())
    assert answer.status == 202
    assert count_rows_and_events() == (2, 2)
    path = f"{answer.headers['Location'].removeprefix('/api/v1')}/status"
    assert sender.get(path).status == 200
    kill(backend_pid())
    assert sender.get(path).data["status"] == "pending"


def test_a_commit_whose_answer_was_lost_is_found(organization: Organization) -> None:
    row = prepare(organization, ORDER)
    created_at = insert_proven(row, [])
    kill(backend_pid())
    assert created_at is not None
    assert insert_proven(row, []) == created_at
    assert count_rows_and_events() == (1, 1)


@pytest.mark.parametrize("commits", [False, True])
def test_a_connection_that_dies_under_an_accept_loses_and_doubles_nothing(
    organization: Organization, sender: Caller, *, commits: bool
) -> None:
    with hold_request_id(organization, commits=commits) as release, _accept(sender) as accepting:
        kill(_find_waiting())
        _find_waiting()  # the second try waits as the first did
        release.set()
        answer = accepting.result(LIMIT)
    assert answer.status == (503 if commits else 202)
    assert count_rows_and_events() == (2, 2)
    again = sender.post("/notifications", ORDER)
    assert (again.status, count_rows_and_events()) == (200, (2, 2))


def test_a_migration_of_what_is_read_costs_a_kept_connection_one_transaction_at_most() -> None:
    load_claimed({})
    with _wider_platform():
        assert load_claimed({}) == []
    with transaction.atomic(), pytest.raises(NotSupportedError):  # it is as it was: changed again
        load_claimed({})
    assert load_claimed({}) == []


@contextmanager
def _wider_platform() -> Iterator[None]:
    change = "ALTER TABLE notifications_notification ALTER COLUMN platform TYPE varchar"
    elsewhere(lambda: _execute(f"{change}(99)"))
    try:
        yield
    finally:
        width = Notification._meta.get_field("platform").max_length  # noqa: SLF001  # documented
        elsewhere(lambda: _execute(f"{change}({width})"))


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def _accept(sender: Caller) -> Iterator[Future[Answer]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(lambda: elsewhere(lambda: sender.post("/notifications", ORDER)))


def _find_waiting() -> int:
    """Wait for a statement that waits for another's row, and return who serves it."""
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE 'WITH changed AS (INSERT%%' AND datname = current_database()"
    )
    deadline = time.monotonic() + LIMIT
    while not (found := ask(waiting)):
        assert time.monotonic() < deadline
        connection.ensure_connection()
        time.sleep(0.02)
    return int(found[0][0])
