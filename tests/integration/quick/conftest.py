"""A program that the process knows, and passwords that are hashed quickly."""

import pytest
from pytest_django import Settings

from notifier.models import Organization
from tests.factories import make_organization
from tests.integration.api.calling import Caller, key_of
from tests.integration.notifications.ledger import mail


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def sender(organization: Organization) -> Caller:
    """A program that this process knows."""
    caller = key_of(organization, "send", "read")
    assert caller.post("/notifications", mail()).status == 202
    return caller
