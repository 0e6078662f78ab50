"""The tables of accounts: users, their devices and sessions, and the API keys of programs."""

from apps.users.models.accounts import (
    Role,
    User,
    UserManager,
    UserQuerySet,
    email_key,
    ensure_default_organization,
    index_email,
)
from apps.users.models.api_keys import ApiKey
from apps.users.models.devices import Device, Platform
from apps.users.models.digests import digest_secret
from apps.users.models.sessions import Session, SessionQuerySet

__all__ = [
    "ApiKey",
    "Device",
    "Platform",
    "Role",
    "Session",
    "SessionQuerySet",
    "User",
    "UserManager",
    "UserQuerySet",
    "digest_secret",
    "email_key",
    "ensure_default_organization",
    "index_email",
]
