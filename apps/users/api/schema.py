"""How the account routes are described in the OpenAPI document, with examples that work."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from apps.users.api.serializers import (
    ApiKeyAnswer,
    CreateApiKeyBody,
    CreateUserBody,
    DeviceAnswer,
    LoginBody,
    NewApiKeyAnswer,
    PreferencesAnswer,
    PreferencesBody,
    PreferencesChange,
    RefreshBody,
    RegisterBody,
    RegisterDeviceBody,
    RotateApiKeyBody,
    TokensAnswer,
    UpdateUserBody,
    UserAnswer,
    ValidateBody,
    ValidityAnswer,
)
from apps.users.models import Role

_AUTHENTICATION, _USERS, _DEVICES, _KEYS = ["Authentication"], ["Users"], ["Devices"], ["API keys"]
_NOTHING: dict[str, Any] = {"type": "null"}
_CREDENTIALS = {"email": "ada@example.org", "password": "correct horse battery"}
_ADA = {"name": "Ada Lovelace", **_CREDENTIALS}
_DEVICE = {"token": "fMEkz3Yb-token-of-the-device", "platform": "android"}


def _list_of(answer: type) -> dict[str, Any]:
    # A list of structs has no component of its own; its items' one comes with another route.
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{answer.__name__}"}}


def _example(value: dict[str, Any], name: str = "Example") -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


_PAGE = [
    OpenApiParameter("page", OpenApiTypes.INT, description="From 1."),
    OpenApiParameter("limit", OpenApiTypes.INT, description="At most 100, 20 by default."),
]

register = extend_schema(
    operation_id="register",
    summary="Register as a member of the default organization",
    description="Answers 403 where registration is closed and 409 for an address that is taken.",
    request=RegisterBody,
    responses={201: TokensAnswer, 403: None, 409: None},
    examples=[_example(_ADA)],
    tags=_AUTHENTICATION,
)
login = extend_schema(
    operation_id="login",
    summary="Sign in",
    request=LoginBody,
    responses={200: TokensAnswer, 401: None},
    examples=[_example(_CREDENTIALS)],
    tags=_AUTHENTICATION,
)
refresh = extend_schema(
    operation_id="refresh_tokens",
    summary="Trade a refresh token for new tokens",
    description=(
        "Each refresh token works once. Within ten seconds the one just used gives the same new "
        "one again (a double click, a lost answer); later, or for an older one, the session ends. "
        "A session ends 90 days after it was opened, or after 14 days without a refresh."
    ),
    request=RefreshBody,
    responses={200: TokensAnswer, 401: None},
    tags=_AUTHENTICATION,
)
logout = extend_schema(
    operation_id="logout",
    summary="Sign out: the session's tokens stop working at once",
    request=None,
    responses={200: _NOTHING},
    tags=_AUTHENTICATION,
)
validate = extend_schema(
    operation_id="validate_credentials",
    summary="Ask whether credentials are good, and whose they are",
    description=(
        "Takes `email` and `password`, or an access token as `token`, or no body: then the "
        "bearer token of the request itself. Only users of the caller's organization are valid."
    ),
    request=ValidateBody,
    responses={200: ValidityAnswer},
    examples=[
        _example(_CREDENTIALS, "E-mail address and password"),
        _example({"token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"}, "Access token"),
    ],
    tags=_AUTHENTICATION,
)
list_users = extend_schema(
    operation_id="list_users",
    summary="List the organization's users, newest first",
    parameters=[
        OpenApiParameter("email", OpenApiTypes.STR, description="Has exactly this address."),
        OpenApiParameter("role", OpenApiTypes.STR, enum=Role.values),
        OpenApiParameter("is_active", OpenApiTypes.BOOL),
        *_PAGE,
    ],
    responses={200: _list_of(UserAnswer)},
    tags=_USERS,
)
_create_user: dict[str, Any] = {
    "summary": "Create a user; without a password it cannot sign in",
    "description": "`push_token` becomes its first device. Only admins may give a role.",
    "request": CreateUserBody,
    "responses": {201: UserAnswer, 409: None},
    "examples": [
        _example(
            {
                "name": "Ada Lovelace",
                "email": "ada@example.org",
                "push_token": _DEVICE["token"],
                "preferences": {"email": True, "push": False},
                "language": "pt-BR",
                "timezone": "America/Sao_Paulo",
            }
        )
    ],
    "tags": _USERS,
}
create_user = extend_schema(operation_id="create_user", **_create_user)
create_account = extend_schema(operation_id="create_account", **_create_user)
get_user = extend_schema(
    operation_id="get_user", summary="Read a user", responses={200: UserAnswer}, tags=_USERS
)
get_user_by_email = extend_schema(
    operation_id="get_user_by_email",
    summary="Read the user with an address",
    responses={200: UserAnswer},
    tags=_USERS,
)
get_me = extend_schema(
    operation_id="get_me",
    summary="Read yourself; 404 for an API key, which is nobody",
    responses={200: UserAnswer, 404: None},
    tags=_USERS,
)
update_user = extend_schema(
    operation_id="update_user",
    summary="Change a user; what is left out stays as it is",
    description=(
        "A new `password` needs `current_password`, is for oneself only, and ends all sessions; "
        "so does `is_active: false`. Only admins may change a role."
    ),
    request=UpdateUserBody,
    responses={200: UserAnswer, 409: None},
    examples=[_example({"name": "Ada King", "language": "en-GB"})],
    tags=_USERS,
)
erase_user = extend_schema(
    operation_id="erase_user",
    summary="Erase a user's personal data, devices and sessions",
    description=(
        "What was sent stays in the ledger, without recipient and content. Its address stays"
        " suppressed, unreadable."
    ),
    responses={200: _NOTHING},
    tags=_USERS,
)
export_user = extend_schema(
    operation_id="export_user",
    summary="All that is kept about a user",
    description=(
        "For the person itself and admins: account, devices, sessions, notifications and"
        " suppressions. Of each list the newest thousand; `is_complete` says whether that is all,"
        " and `manage.py export_user` writes the rest."
    ),
    responses={200: {"type": "object", "additionalProperties": True}, 404: None},
    tags=_USERS,
)
get_preferences = extend_schema(
    operation_id="get_preferences",
    summary="Read which channels a user wants",
    responses={200: PreferencesAnswer},
    tags=_USERS,
)
set_preferences = extend_schema(
    operation_id="set_preferences",
    summary="Set which channels a user wants",
    request=PreferencesBody,
    responses={200: PreferencesAnswer},
    tags=_USERS,
)
change_preferences = extend_schema(
    operation_id="change_preferences",
    summary="Change which channels a user wants; what is left out stays as it is",
    request=PreferencesChange,
    responses={200: PreferencesAnswer},
    examples=[_example({"push": False})],
    tags=_USERS,
)
list_devices = extend_schema(
    operation_id="list_devices",
    summary="List a user's devices, newest first",
    parameters=_PAGE,
    responses={200: _list_of(DeviceAnswer)},
    tags=_DEVICES,
)
register_device = extend_schema(
    operation_id="register_device",
    summary="Register a device; a token that is known already moves to this user",
    request=RegisterDeviceBody,
    responses={201: DeviceAnswer},
    examples=[_example(_DEVICE)],
    tags=_DEVICES,
)
delete_device = extend_schema(
    operation_id="delete_device",
    summary="Remove a device",
    responses={200: _NOTHING},
    tags=_DEVICES,
)
list_api_keys = extend_schema(
    operation_id="list_api_keys",
    summary="List the organization's API keys, newest first",
    parameters=_PAGE,
    responses={200: _list_of(ApiKeyAnswer)},
    tags=_KEYS,
)
create_api_key = extend_schema(
    operation_id="create_api_key",
    summary="Create an API key; its secret is in this answer and never again",
    request=CreateApiKeyBody,
    responses={201: NewApiKeyAnswer},
    examples=[_example({"name": "Shop", "scopes": ["send", "read"], "mode": "live"})],
    tags=_KEYS,
)
rotate_api_key = extend_schema(
    operation_id="rotate_api_key",
    summary="Give an API key a new secret; the old one works on for a while",
    description=(
        "The old secret works for `grace_seconds` more: a day by default, 30 days at most. "
        "Only the last one does: rotating twice ends the first at once. "
        "409 for a key that is revoked or expired."
    ),
    request=RotateApiKeyBody,
    responses={200: NewApiKeyAnswer, 409: None},
    examples=[_example({"grace_seconds": 86_400})],
    tags=_KEYS,
)
revoke_api_key = extend_schema(
    operation_id="revoke_api_key",
    summary="Revoke an API key at once",
    responses={200: ApiKeyAnswer},
    tags=_KEYS,
)
