"""An organization, passwords that are hashed quickly, and a world that nothing may change."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from notifier.models import Organization
from tests.factories import make_organization
from tests.integration.api.damage import count_rows
from tests.integration.api.world import World


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def world(organization: Organization) -> Iterator[World]:
    """One of everything; fails a test that stores anything."""
    world = World(organization)
    before = count_rows()
    yield world
    assert count_rows() == before
