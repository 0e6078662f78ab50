"""Statuses that are read again and again: one statement, which proves who asks."""

import pytest
from django.utils import timezone

from apps.users.services import revoke_api_key
from notifier.models import Organization
from tests.factories import make_api_key, make_organization, make_user, secret_of
from tests.integration.api.calling import Caller, key_of, person
from tests.integration.notifications.ledger import mail
from tests.integration.quick.elsewhere import count_statements, elsewhere
from tests.integration.quick.serving import call

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def path(sender: Caller) -> str:
    """A status that was read a moment ago."""
    accepted = sender.post("/notifications", mail())
    status = f"/notifications/{accepted.data['notification_id']}/status"
    assert call(sender, "GET", status).body["data"]["status"] == "pending"
    return status


def test_what_was_read_before_takes_one_statement_and_says_the_same(
    sender: Caller, path: str
) -> None:
    ordinary = sender.get(path)
    with count_statements() as statements:
        quick = call(sender, "GET", path)
    assert statements == ["Execute"]
    assert (quick.status, quick.body) == ("200 OK", ordinary.body)


def test_a_key_that_was_revoked_elsewhere_reads_nothing_any_more(
    organization: Organization, path: str
) -> None:
    key = make_api_key(organization=organization, scopes=("read",))
    caller = Caller({"X-API-Key": secret_of(key)})
    assert [call(caller, "GET", path).status for _ in range(2)] == ["200 OK"] * 2
    named = {"organization_id": organization.pk, "key_id": key.pk}
    elsewhere(lambda: revoke_api_key(**named, now=timezone.now()))
    assert call(caller, "GET", path).status.startswith("401")


def test_what_is_in_the_cache_is_shown_to_nobody_who_may_not_read_it(
    organization: Organization, path: str
) -> None:
    callers = {
        "of another organization": (key_of(make_organization(), "read"), "404"),
        "without the right": (key_of(organization, "send"), "403"),
        "a person whose it is not": (person(make_user(organization=organization)), "404"),
    }
    for caller, status in callers.values():
        assert [call(caller, "GET", path).status[:3] for _ in range(2)] == [status] * 2
