"""Bodies and answers of the accounts API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from django.db import models
from msgspec import UNSET, Meta, UnsetType

from apps.users.models import ApiKey, Device, User
from apps.users.models.validators import MAX_LANGUAGE, MAX_NAME, MAX_TOKEN, MIN_TOKEN
from apps.users.services import TokenPair
from apps.users.services.api_keys import DEFAULT_GRACE, MAX_GRACE
from notifier.addresses import MAX_ADDRESS
from notifier.api.bodies import Body
from notifier.authentication import Mode, Scope

RoleName = Literal["member", "sender", "admin"]
PlatformName = Literal["ios", "android", "web"]
Email = Annotated[
    str, Meta(max_length=MAX_ADDRESS, description="One address", examples=["ada@example.org"])
]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, examples=["Ada Lovelace"])]
Password = Annotated[str, Meta(min_length=1, max_length=1024, examples=["correct horse battery"])]
Language = Annotated[
    str, Meta(max_length=MAX_LANGUAGE, description="BCP 47 tag", examples=["en", "pt-BR"])
]
TimeZone = Annotated[
    str, Meta(max_length=64, description="IANA name", examples=["UTC", "Europe/Berlin"])
]
PushToken = Annotated[
    str,
    Meta(
        min_length=MIN_TOKEN,
        max_length=MAX_TOKEN,
        description="What the push service calls the device: printable ASCII without spaces",
        examples=["fMEkz3Yb-token-of-the-device"],
    ),
]
Token = Annotated[str, Meta(min_length=1, max_length=4096)]


class PreferencesBody(Body):
    """Which channels a user wants."""

    email: bool
    push: bool


class PreferencesChange(Body):
    """Which channels a user wants; what is left out stays as it is."""

    email: bool | UnsetType = UNSET
    push: bool | UnsetType = UNSET


class _AccountBody(Body, kw_only=True):
    name: Name
    email: Email
    language: Language = "en"
    timezone: TimeZone = "UTC"
    preferences: PreferencesChange = msgspec.field(default_factory=PreferencesChange)
    push_token: PushToken | None = None
    platform: PlatformName = "android"


class RegisterBody(_AccountBody, kw_only=True):
    """A new member, by itself."""

    password: Password


class CreateUserBody(_AccountBody, kw_only=True):
    """A new user, by an administrator; without a password it cannot sign in."""

    password: Password | None = None
    role: RoleName = "member"


class UpdateUserBody(Body):
    """What to change of a user; what is left out stays as it is."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    timezone: TimeZone | UnsetType = UNSET
    preferences: PreferencesChange | UnsetType = UNSET
    role: RoleName | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    current_password: Password | UnsetType = UNSET
    password: Password | UnsetType = UNSET


class LoginBody(Body):
    email: Email
    password: Password


class RefreshBody(Body):
    refresh_token: Token


class ValidateBody(Body):
    """Either `email` and `password`, or `token`, or nothing: then the bearer token itself."""

    email: Email | None = None
    password: Password | None = None
    token: Token | None = None


class RegisterDeviceBody(Body):
    token: PushToken
    platform: PlatformName


class CreateApiKeyBody(Body, kw_only=True):
    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=20, examples=[["send", "read"]])]
    mode: Mode = "live"
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class RotateApiKeyBody(Body):
    """How long the secret that is replaced goes on working, in seconds; 0 ends it at once."""

    grace_seconds: Annotated[int, Meta(ge=0, le=int(MAX_GRACE.total_seconds()))] = int(
        DEFAULT_GRACE.total_seconds()
    )


class PreferencesAnswer(msgspec.Struct, kw_only=True):
    """Which channels a user wants."""

    email: bool
    push: bool


class UserAnswer(msgspec.Struct, kw_only=True):
    """A user."""

    id: UUID
    organization_id: UUID
    email: str
    name: str
    role: RoleName
    language: str
    timezone: str
    preferences: PreferencesAnswer
    is_active: bool
    created_at: datetime
    updated_at: datetime


class TokensAnswer(msgspec.Struct, kw_only=True):
    """A session's tokens. `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # a scheme, no secret
    expires_in: int
    user: UserAnswer


class ValidityAnswer(msgspec.Struct, kw_only=True):
    """Are the credentials good, and whose are they."""

    valid: bool
    user: UserAnswer | None


class DeviceAnswer(msgspec.Struct, kw_only=True):
    """A device that takes push messages."""

    id: UUID
    token: str
    platform: PlatformName
    created_at: datetime
    last_seen_at: datetime


class ApiKeyAnswer(msgspec.Struct, kw_only=True):
    """An API key without its secret; `prefix` is what it begins with.

    After a rotation the secret before works until `previous_valid_until`.
    """

    id: UUID
    name: str
    prefix: str
    scopes: Sequence[Scope]
    mode: Mode
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    rotated_at: datetime | None
    previous_valid_until: datetime | None


class NewApiKeyAnswer(ApiKeyAnswer, kw_only=True):
    """A new API key. `key` is its secret: it is shown this once."""

    key: str


Answer = TypeVar("Answer", bound=msgspec.Struct)


def describe_preferences(user: User) -> PreferencesAnswer:
    return PreferencesAnswer(email=user.email_enabled, push=user.push_enabled)


def describe_user(user: User) -> UserAnswer:
    return _describe(UserAnswer, user, preferences=describe_preferences(user))


def describe_tokens(pair: TokenPair) -> TokensAnswer:
    return TokensAnswer(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.expires_in,
        user=describe_user(pair.user),
    )


def describe_validity(user: User | None) -> ValidityAnswer:
    return ValidityAnswer(valid=user is not None, user=describe_user(user) if user else None)


def describe_device(device: Device) -> DeviceAnswer:
    return _describe(DeviceAnswer, device)


def describe_api_key(key: ApiKey) -> ApiKeyAnswer:
    return _describe(ApiKeyAnswer, key, created_by=key.created_by_id)


def describe_new_api_key(key: ApiKey, secret: str) -> NewApiKeyAnswer:
    return _describe(NewApiKeyAnswer, key, created_by=key.created_by_id, key=secret)


def _describe(shape: type[Answer], row: models.Model, **given: Any) -> Answer:
    """Fill an answer from the row's attributes of the same names; what is `given` goes first."""
    names = shape.__struct_fields__
    return shape(**{name: given[name] if name in given else getattr(row, name) for name in names})
