"""Push through Firebase Cloud Messaging, HTTP v1.

Spoken by ourselves: Firebase's client takes five times as long for a message, and has no options
to keep it from repeating one.
"""

import time
from typing import Any, Final
from urllib.parse import quote

import msgspec
import requests

from apps.delivery.providers.contract import (
    Channel,
    Misconfigured,
    Permanent,
    ProviderError,
    PushMessage,
    Timeouts,
    Uncertain,
    clean_identity,
    quote_provider,
)
from apps.delivery.providers.deadline import end_within
from apps.delivery.providers.fcm_payload import encode_fcm_message
from apps.delivery.providers.fcm_tokens import (
    AccessToken,
    ServiceAccountTokens,
    load_fcm_credentials,
)
from apps.delivery.providers.http_calls import HttpAnswer, explain_response
from apps.delivery.providers.http_kept import open_poster

API: Final = "https://fcm.googleapis.com"
FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
# https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
GONE: Final = {
    "UNREGISTERED": "fcm_unregistered",
    "SENDER_ID_MISMATCH": "fcm_sender_id_mismatch",
}
# FCM was refused by Apple or a browser's push service: our key or certificate there.
THIRD_PARTY: Final = frozenset({"THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"})


class FcmProvider:
    """Kept connections to FCM for one service account."""

    channel: Channel = "push"

    def __init__(self, *, name: str, path: str, endpoint: str | None, timeouts: Timeouts) -> None:
        self.name = name
        self.longest_call_seconds = timeouts.longest_request
        self._timeouts = timeouts
        credentials = load_fcm_credentials(path, endpoint=endpoint)
        self._auth = ServiceAccountTokens(credentials, timeouts=timeouts)
        project = quote(str(credentials.project_id), safe=":")
        url = f"{endpoint or API}/v1/projects/{project}/messages:send"
        self._poster = open_poster(url, timeouts=timeouts)

    def send(self, message: PushMessage) -> str:
        """FCM's name for the message, `projects/…/messages/…`."""
        body = encode_fcm_message(message, now=time.time())
        with end_within(self._timeouts.connect + self._timeouts.read):
            return self._send_body(body)

    def close(self) -> None:
        self._auth.close()
        self._poster.close()

    def _send_body(self, body: bytes) -> str:
        """Ask FCM again, which took nothing, where it refuses a token that was kept.

        Not where the token is fresh: then it is the account that is refused.
        """
        token = self._auth.find_token()
        try:
            return self._ask(body, token)
        except TokenRefused:
            self._auth.forget_token(token)
            if token.is_fresh:
                raise
        return self._ask(body, self._auth.find_token())

    def _ask(self, body: bytes, token: AccessToken) -> str:
        answer = self._poster.post(body, headers={"Authorization": f"Bearer {token.text}"})
        if answer.status_code != requests.codes.ok:
            raise _explain_refusal(answer)
        name = _read_object(answer.content).get("name")
        if not isinstance(name, str) or not name:
            raise Uncertain("FCM named no message", code="unreadable_answer")
        return clean_identity(name)


class TokenRefused(Misconfigured):
    """FCM does not accept the access token; the message was not taken."""


def _explain_refusal(answer: HttpAnswer) -> ProviderError:
    """What the error's body says (https://cloud.google.com/apis/design/errors), or its status."""
    told = _as_object(_read_object(answer.content).get("error"))
    said = told.get("message")
    words = said if said and isinstance(said, str) else answer.content
    code = _find_fcm_code(told)
    if code in GONE:
        return Permanent(quote_provider(words), code=GONE[code], recipient_gone=True)
    if code in THIRD_PARTY:
        return Misconfigured(quote_provider(words), code="fcm_third_party_auth")
    if told.get("status", "INVALID_ARGUMENT") == "INVALID_ARGUMENT" and _is_bad_request(answer):
        return Permanent(quote_provider(words), code="fcm_invalid_argument")
    explained = explain_response(answer, words=words)
    if answer.status_code == requests.codes.unauthorized:
        return TokenRefused(explained.message, code=explained.code)
    return explained


def _find_fcm_code(told: dict[str, Any]) -> str:
    details = told.get("details")
    for detail in details if isinstance(details, list) else ():
        if _as_object(detail).get("@type") == FCM_ERROR:
            return str(_as_object(detail).get("errorCode"))
    return ""


def _is_bad_request(answer: HttpAnswer) -> bool:
    return answer.status_code == int(requests.codes.bad_request)


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        return _as_object(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
