"""A browser in which an operator has signed in, and an organization to look at."""

import pytest
from django.test import Client
from pytest_django import Settings

from apps.users.models import User
from notifier.models import Organization
from tests.factories import PASSWORD, make_organization


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def operator(db: None) -> Client:
    user = User.objects.create_superuser(email="operator@example.org", password=PASSWORD)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()
