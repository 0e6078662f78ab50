"""Push through Firebase Cloud Messaging, HTTP v1."""

import time

import requests
from firebase_admin import messaging
from firebase_admin.exceptions import FirebaseError, InvalidArgumentError

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
from apps.delivery.providers.fcm_payload import build_fcm_message
from apps.delivery.providers.fcm_session import (
    ServiceAccountAuth,
    close_fcm_app,
    load_fcm_credentials,
    open_fcm_app,
)
from apps.delivery.providers.http_calls import explain_no_response, explain_response

# https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
PERMANENT_ERRORS = {
    messaging.UnregisteredError: "fcm_unregistered",
    messaging.SenderIdMismatchError: "fcm_sender_id_mismatch",
    InvalidArgumentError: "fcm_invalid_argument",
}
DEAD_TOKEN_ERRORS = (messaging.UnregisteredError, messaging.SenderIdMismatchError)


class FcmProvider:
    """One kept connection to FCM for one service account."""

    channel: Channel = "push"

    def __init__(self, *, name: str, path: str, endpoint: str | None, timeouts: Timeouts) -> None:
        self.name = name
        self.longest_call_seconds = timeouts.longest_request
        self._timeouts = timeouts
        credentials = load_fcm_credentials(path, endpoint=endpoint)
        self._auth = ServiceAccountAuth(credentials, timeouts=timeouts)
        self._app = open_fcm_app(
            credentials, auth=self._auth, endpoint=endpoint, timeouts=timeouts
        )

    def send(self, message: PushMessage) -> str:
        """FCM's name for the message, `projects/…/messages/…`."""
        built = build_fcm_message(message, now=time.time())
        with end_within(self._timeouts.connect + self._timeouts.read):
            return self._send_built(built)

    def close(self) -> None:
        self._auth.close()
        close_fcm_app(self._app)

    def _send_built(self, built: messaging.Message) -> str:
        """Ask FCM again, which took nothing, where it refuses a token that was kept.

        Not where the token is fresh: then it is the account that is refused.
        """
        token = self._auth.refresh_token()
        try:
            return self._ask(built)
        except TokenRefused:
            self._auth.forget_token(token)
            if token.is_fresh:
                raise
        self._auth.refresh_token()
        return self._ask(built)

    def _ask(self, built: messaging.Message) -> str:
        try:
            name = messaging.send(built, app=self._app)
        except FirebaseError as exc:
            raise _explain(exc) from exc
        except (LookupError, AttributeError, TypeError, ValueError, RecursionError) as exc:
            raise _explain_slip(exc) from exc
        if not isinstance(name, str) or not name:
            raise Uncertain("FCM named no message", code="unreadable_answer")
        return clean_identity(name)


class TokenRefused(Misconfigured):
    """FCM does not accept the access token; the message was not taken."""


def _explain(error: FirebaseError) -> ProviderError:
    words = quote_provider(str(error))
    for kind, code in PERMANENT_ERRORS.items():
        if isinstance(error, kind):
            gone = isinstance(error, DEAD_TOKEN_ERRORS)
            return Permanent(words, code=code, recipient_gone=gone)
    if isinstance(error, messaging.ThirdPartyAuthError):
        # FCM was refused by Apple or a browser's push service: our key or certificate there.
        return Misconfigured(words, code="fcm_third_party_auth")
    if error.http_response is None:
        return _explain_cause(error)
    explained = explain_response(error.http_response, words=words)
    if error.http_response.status_code == requests.codes.unauthorized:
        return TokenRefused(explained.message, code=explained.code)
    return explained


def _explain_cause(error: FirebaseError) -> ProviderError:
    cause = error.cause
    if not isinstance(cause, requests.RequestException):
        cause = requests.RequestException(str(error))
    return explain_no_response(cause)


def _explain_slip(slip: Exception) -> ProviderError:
    """Firebase trusts the shape of an answer; what went wrong tells which answer it was."""
    answer = slip.__context__
    if isinstance(answer, requests.HTTPError) and answer.response is not None:
        return explain_response(answer.response, words=answer.response.content)
    if isinstance(slip, ValueError):  # the encoder's, before anything was sent
        return Permanent(quote_provider(str(slip)), code="invalid_content")
    return Uncertain("FCM's answer is unreadable", code="unreadable_answer")
