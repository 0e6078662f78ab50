"""An organization with a newsletter, a receipt template and a push, and quick passwords."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.templates.services import NewVersion, create_template
from notifier.models import Organization
from tests.factories import make_organization

MAIL = {"subject": "Hello", "text": "Hello, Ada"}
PUSH = {"title": "Hello", "body": "Hello, Ada"}


@pytest.fixture(autouse=True)
def _fast_hasher(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def organization(db: None) -> Organization:
    organization = make_organization(name="Ada & Sons")
    for code, channel, kind in (
        ("newsletter", "email", "marketing"),
        ("receipt", "email", "transactional"),
        ("offer", "push", "marketing"),
    ):
        create_template(
            organization_id=organization.pk,
            code=code,
            channel=channel,
            kind=kind,
            name=code,
            version=NewVersion(content=MAIL if channel == "email" else PUSH),
            now=timezone.now(),
        )
    return organization
