"""An order that somebody else is storing, and rows as the accept makes them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import msgspec
from django.db import transaction

from apps.notifications.models.transitions import insert_accepted
from apps.notifications.services.orders import NotificationOrder
from apps.notifications.services.preparing import Preparation, Row, prepare_row
from notifier.authentication import SCOPES, Principal
from notifier.models import Organization
from tests.integration.notifications.ledger import mail
from tests.integration.quick.elsewhere import elsewhere

LIMIT = 10
ORDER = mail(request_id="order-1")


def prepare(organization: Organization, body: dict[str, Any]) -> Row:
    principal = Principal(organization_id=organization.pk, scopes=frozenset(SCOPES))
    order = msgspec.convert(body, NotificationOrder)
    return prepare_row(order, Preparation(principal=principal))


@contextmanager
def hold_request_id(organization: Organization, *, commits: bool) -> Iterator[Event]:
    """Have ORDER stored, and not yet committed, until the event is set."""
    stored, release = Event(), Event()

    def store() -> None:
        with transaction.atomic():
            insert_accepted([prepare(organization, ORDER)])
            stored.set()
            release.wait(LIMIT)
            transaction.set_rollback(not commits)

    with ThreadPoolExecutor(1) as pool:
        storing = pool.submit(lambda: elsewhere(store))
        assert stored.wait(LIMIT)
        try:
            yield release
        finally:
            release.set()
            storing.result(LIMIT)
