"""An organization, and passwords that are hashed quickly."""

import pytest
from pytest_django import Settings

from notifier.models import Organization
from tests.factories import make_organization


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()
