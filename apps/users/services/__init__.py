"""What can be done with accounts, sessions, devices and API keys."""

from apps.users.services.accounts import (
    NewAccount,
    PasswordChange,
    create_account,
    erase_user,
    register_account,
    update_account,
)
from apps.users.services.api_keys import (
    authenticate_key,
    create_api_key,
    find_api_key,
    revoke_api_key,
    rotate_api_key,
)
from apps.users.services.credentials import check_credentials
from apps.users.services.devices import delete_device, register_device, remove_device
from apps.users.services.exporting import export_user
from apps.users.services.finding import (
    find_changeable_user,
    find_user,
    find_user_by_email,
    get_user,
)
from apps.users.services.known_accounts import recall_account
from apps.users.services.organizations import (
    create_organization,
    get_organization,
)
from apps.users.services.sessions import (
    TokenPair,
    authenticate_bearer,
    close_session,
    open_session,
    refresh_session,
    revoke_sessions,
    validate_credentials,
    validate_token,
)

__all__ = [
    "NewAccount",
    "PasswordChange",
    "TokenPair",
    "authenticate_bearer",
    "authenticate_key",
    "check_credentials",
    "close_session",
    "create_account",
    "create_api_key",
    "create_organization",
    "delete_device",
    "erase_user",
    "export_user",
    "find_api_key",
    "find_changeable_user",
    "find_user",
    "find_user_by_email",
    "get_organization",
    "get_user",
    "open_session",
    "recall_account",
    "refresh_session",
    "register_account",
    "register_device",
    "remove_device",
    "revoke_api_key",
    "revoke_sessions",
    "rotate_api_key",
    "update_account",
    "validate_credentials",
    "validate_token",
]
