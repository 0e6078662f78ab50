"""What is accepted wakes the relay, however much is accepted at once."""

import threading
import time

import psycopg
import pytest
from django.db import connection, transaction

from deploy.local.servers import Postgres
from notifier.sql import CHANNEL_OF_WAKEUPS
from notifier.wakeup import bell
from tests.integration.api.calling import Caller
from tests.integration.notifications.ledger import mail

pytestmark = pytest.mark.django_db(transaction=True)


def count_wakeups(listener: psycopg.Connection, *, seconds: float) -> int:
    return sum(1 for _ in listener.notifies(timeout=seconds))


@pytest.fixture
def listener(postgres: Postgres) -> psycopg.Connection:
    url = postgres.build_url(connection.settings_dict["NAME"])
    listening = psycopg.connect(url, autocommit=True)
    listening.execute(f"LISTEN {CHANNEL_OF_WAKEUPS}")
    return listening


def test_every_ring_is_followed_by_a_wakeup_and_many_share_one(
    listener: psycopg.Connection,
) -> None:
    with listener:
        threads = [threading.Thread(target=bell.ring) for _ in range(50)]
        for thread in threads:
            thread.start()
        assert 1 <= count_wakeups(listener, seconds=1) <= 25
        bell.ring()
        assert count_wakeups(listener, seconds=1) == 1


def test_a_bell_whose_connection_was_lost_rings_again(listener: psycopg.Connection) -> None:
    with listener:
        bell.ring()
        assert count_wakeups(listener, seconds=1) == 1
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'NOTIFY%'"
        assert listener.execute(end).fetchall() == [(True,)]
        bell.ring()  # finds out
        time.sleep(0.2)
        bell.ring()
        assert count_wakeups(listener, seconds=1) == 1


def test_who_accepts_alone_wakes_the_relay_once(
    listener: psycopg.Connection, sender: Caller
) -> None:
    with listener:
        count_wakeups(listener, seconds=0.2)  # of what made the sender known
        assert bell.is_quiet()
        assert sender.post("/notifications", mail()).status == 202
        assert count_wakeups(listener, seconds=0.5) == 1


def test_nobody_is_woken_before_what_was_accepted_is_committed(
    listener: psycopg.Connection, sender: Caller
) -> None:
    with listener:
        count_wakeups(listener, seconds=0.2)
        with transaction.atomic():
            assert sender.post("/notifications", mail()).status == 202
            assert count_wakeups(listener, seconds=0.3) == 0
        assert count_wakeups(listener, seconds=0.5) == 1
