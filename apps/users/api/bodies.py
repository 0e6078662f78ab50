"""From the shapes of the API to those of the services."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from apps.users.api.serializers import (
    CreateUserBody,
    PreferencesBody,
    PreferencesChange,
    RegisterBody,
    UpdateUserBody,
)
from apps.users.services import NewAccount, PasswordChange
from notifier.errors import InvalidRequest

COLUMN_OF_PREFERENCE = {"email": "email_enabled", "push": "push_enabled"}
_NOT_COLUMNS = {"preferences", "password", "current_password"}


def account_of(body: RegisterBody | CreateUserBody) -> NewAccount:
    columns = {name: value for name, value in _given(body).items() if name != "preferences"}
    return NewAccount(**(columns | preference_columns(body.preferences)))


def preference_columns(body: PreferencesBody | PreferencesChange) -> dict[str, bool]:
    """Return the columns that the named preferences stand in."""
    given = _given(body)
    return {COLUMN_OF_PREFERENCE[name]: value for name, value in given.items()}


def changes_of(body: UpdateUserBody) -> dict[str, Any]:
    """Return the columns to change, the password apart."""
    columns = {name: value for name, value in _given(body).items() if name not in _NOT_COLUMNS}
    if isinstance(body.preferences, PreferencesChange):
        columns |= preference_columns(body.preferences)
    return columns


def password_change_of(body: UpdateUserBody) -> PasswordChange | None:
    """Return the change of password; raise InvalidRequest when half of it is missing."""
    match body.current_password, body.password:
        case str(current), str(new):
            return PasswordChange(current=current, new=new)
        case UnsetType(), UnsetType():
            return None
        case UnsetType(), _:
            raise InvalidRequest.of_field("current_password", "is required", code="required")
    raise InvalidRequest.of_field("password", "is required", code="required")


def _given(body: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(body)
    return {name: value for name, value in values.items() if value is not UNSET}
