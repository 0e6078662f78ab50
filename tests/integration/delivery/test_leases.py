"""Leases on real rows: renewed over connections that die, and never stretched by a late call."""

import time
from uuid import UUID

import pytest
from django.conf import settings

from apps.delivery.services.leases import BEGIN_WITHIN, Lease, LeaseLost
from apps.notifications.models.transitions import take_due
from tests.factories import make_organization
from tests.integration.pages.ledger import accept_mail
from tests.integration.quick.elsewhere import backend_pid, kill

pytestmark = pytest.mark.django_db(transaction=True)


def take_one() -> UUID:
    accept_mail(make_organization())
    (due,) = take_due(channel="email", limit=1)
    return due.id


@pytest.mark.skipif(settings.IS_SQLITE, reason="there is no connection to lose")
def test_a_lease_is_renewed_though_its_connection_died() -> None:
    held = take_one()
    lease = Lease([held], seconds=3)
    kill(backend_pid())
    ends_at = time.monotonic() + 1.5 * BEGIN_WITHIN * lease.seconds
    while time.monotonic() < ends_at:
        lease.keep()
        lease.check(held)
        time.sleep(0.02)


def test_no_call_begins_that_could_outlive_its_lease() -> None:
    held = take_one()
    lease = Lease([held], seconds=1.5)
    lease.check(held)
    time.sleep(BEGIN_WITHIN * lease.seconds + 0.1)
    with pytest.raises(LeaseLost):
        lease.check(held)
    lease.hold(held)  # renews it first
