"""Accepts at the same time share a statement, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from django.db import DataError, connection

from apps.notifications.models import Notification, NotificationEvent
from apps.notifications.models.transitions.accepting import insert_proven
from apps.notifications.services.preparing import Row
from notifier.models import Organization
from tests.integration.api.calling import Answer, Caller
from tests.integration.notifications.ledger import mail
from tests.integration.quick.elsewhere import ask
from tests.integration.quick.holding import hold_request_id, prepare

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 12
LIMIT = 20


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that close their connections."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield threads
        everybody = Barrier(AT_ONCE)
        for each in [threads.submit(_close, everybody) for _ in range(AT_ONCE)]:
            each.result(LIMIT)


def _close(everybody: Barrier) -> None:
    everybody.wait(LIMIT)
    connection.close()


def post_at_once(pool: ThreadPoolExecutor, sender: Caller, names: list[str]) -> list[Answer]:
    calls = [pool.submit(sender.post, "/notifications", mail(request_id=name)) for name in names]
    return [call.result(LIMIT) for call in calls]


def test_many_accepts_share_transactions(pool: ThreadPoolExecutor, sender: Caller) -> None:
    names = [f"order-{number}" for number in range(10 * AT_ONCE)]
    answers = post_at_once(pool, sender, names)
    assert {answer.status for answer in answers} == {202}
    ids = {UUID(answer.data["notification_id"]) for answer in answers}
    assert set(Notification.objects.exclude(request_id=None).values_list("pk", flat=True)) == ids
    assert NotificationEvent.objects.filter(notification_id__in=ids).count() == len(names)
    [(transactions,)] = ask("SELECT count(DISTINCT xmin::text) FROM notifications_notification")
    assert transactions < len(names) * 0.8


def test_of_equal_ones_at_once_one_is_stored(pool: ThreadPoolExecutor, sender: Caller) -> None:
    for turn in range(5):
        answers = post_at_once(pool, sender, [f"same-{turn}"] * AT_ONCE)
        assert sorted(answer.status for answer in answers) == [200] * (AT_ONCE - 1) + [202]
        assert len({answer.data["notification_id"] for answer in answers}) == 1


def test_one_that_is_refused_or_has_to_wait_hurts_no_other(
    pool: ThreadPoolExecutor, organization: Organization
) -> None:
    with hold_request_id(organization, commits=True) as release:
        waiting = pool.submit(insert_proven, prepare(organization, mail(request_id="order-1")), [])
        good = [pool.submit(insert_proven, prepare(organization, mail()), []) for _ in range(9)]
        bad = pool.submit(insert_proven, _too_urgent(organization), [])
        assert all(each.result(LIMIT) for each in good)
        with pytest.raises(DataError):
            bad.result(LIMIT)
        assert not waiting.done()
        release.set()
        assert waiting.result(LIMIT) is None
    assert Notification.objects.count() == 1 + len(good)


def _too_urgent(organization: Organization) -> Row:
    return prepare(organization, mail()) | {"priority": 2**20}
