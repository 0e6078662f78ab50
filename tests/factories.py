"""Rows with the fewest fields that make sense; say the rest where it matters.

Tests call the functions at the end (`make_user(role="admin")`), whose results are typed.
"""

from typing import Any

from django.utils import timezone
from factory import declarations
from factory.django import DjangoModelFactory

from apps.users.models import ApiKey, Device, User
from apps.users.services import create_api_key
from notifier.encryption_lasting import blind_index
from notifier.models import Organization

PASSWORD = "correct horse battery"  # noqa: S105  # that of every user made here
declare: Any = declarations  # factory-boy has types for factories, not for declarations


class OrganizationFactory(DjangoModelFactory[Organization]):
    class Meta:
        model = Organization

    slug = declare.Sequence(lambda n: f"organization-{n}")
    name = "An organization"


class UserFactory(DjangoModelFactory[User]):
    """A member of an organization of its own."""

    class Meta:
        model = User

    organization = declare.SubFactory(OrganizationFactory)
    email = declare.Sequence(lambda n: f"user-{n}@example.org")
    name = "Ada"
    password = PASSWORD

    @classmethod
    def _create(cls, model_class: type[User], *_args: Any, **fields: Any) -> User:
        return model_class.objects.create_user(**fields)


class DeviceFactory(DjangoModelFactory[Device]):
    class Meta:
        model = Device

    user = declare.SubFactory(UserFactory)
    organization = declare.SelfAttribute("user.organization")
    token = declare.Sequence(lambda n: f"token-of-device-{n}")
    token_digest = declare.LazyAttribute(lambda device: blind_index(device.token))
    platform = "android"
    last_seen_at = declare.LazyFunction(timezone.now)


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """A live key with the scope `send`; `secret_of` returns its secret."""

    class Meta:
        model = ApiKey

    organization = declare.SubFactory(OrganizationFactory)
    name = "A program"
    scopes = ("send",)
    mode = "live"
    expires_at = None

    @classmethod
    def _create(
        cls, model_class: type[ApiKey], *_args: Any, organization: Organization, **fields: Any
    ) -> ApiKey:
        now = timezone.now()
        key, secret = create_api_key(
            organization_id=organization.pk, created_by_id=None, now=now, **fields
        )
        vars(key)["secret"] = secret  # remembered by this instance alone, never stored
        return key


def make_organization(**fields: Any) -> Organization:
    return OrganizationFactory.create(**fields)


def make_user(**fields: Any) -> User:
    return UserFactory.create(**fields)


def make_device(**fields: Any) -> Device:
    return DeviceFactory.create(**fields)


def make_api_key(**fields: Any) -> ApiKey:
    return ApiKeyFactory.create(**fields)


def secret_of(key: ApiKey) -> str:
    """Return the secret of a key that `make_api_key` made."""
    return str(vars(key)["secret"])
