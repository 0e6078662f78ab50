"""Firebase's client as we need it: our endpoint, our timeouts, and one request for each send."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import firebase_admin
import requests
from firebase_admin import _http_client, messaging
from google.auth.exceptions import RefreshError
from google.oauth2.service_account import Credentials

from apps.delivery.providers.contract import (
    InvalidProviderUrl,
    Misconfigured,
    ProviderError,
    Timeouts,
    Transient,
    Uncertain,
    quote_provider,
)
from apps.delivery.providers.deadline import end_within, seconds_left
from apps.delivery.providers.http_calls import explain_no_response, explain_response
from apps.delivery.providers.http_session import OneHopSession

SCOPES = ["https://www.googleapis.com/auth/firebase.messaging"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """What google-auth reads in the answer to a token exchange."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True)
class AccessToken:
    """`is_fresh`: the key was exchanged for it just now."""

    text: str = field(repr=False)
    is_fresh: bool


class ServiceAccountAuth(requests.auth.AuthBase):
    """Puts the access token on each request.

    google-auth's own session would repeat a send that is answered 401, up to twice, and hand
    the token to a second host to look up regions, wherever our endpoint is.
    """

    def __init__(self, credentials: Credentials, *, timeouts: Timeouts) -> None:
        self._credentials = credentials
        self._session = OneHopSession()
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._of_call = threading.local()  # what another thread forgets is still sent by this one

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token: str = self._of_call.token
        self._credentials.apply(request.headers, token=token)  # type: ignore[no-untyped-call]  # google-auth
        return request

    def refresh_token(self) -> AccessToken:
        """Return the token that this thread sends with, the one at hand or a new one.

        Nothing is sent before. Takes at most half the time of a call: the message needs some too.
        """
        with end_within((self._timeouts.connect + self._timeouts.read) / 2), self._locked():
            is_fresh = not self._credentials.valid
            if is_fresh:
                self._exchange_key()
            self._of_call.token = str(self._credentials.token)
            return AccessToken(self._of_call.token, is_fresh)

    def forget_token(self, refused: AccessToken) -> None:
        """After a refusal, so that a revoked token does not stop every send for an hour.

        Another thread may have got a new one since.
        """
        with self._locked():
            if self._credentials.token == refused.text:
                self._credentials.token = None

    def close(self) -> None:
        self._session.close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            is_ours = self._lock.acquire(timeout=min(seconds_left(), threading.TIMEOUT_MAX))
        except TimeoutError:
            is_ours = False
        if not is_ours:
            raise Transient("no access token in time", code="timeout")
        try:
            yield
        finally:
            self._lock.release()

    def _exchange_key(self) -> None:
        try:
            self._credentials.refresh(self._ask_once)  # type: ignore[no-untyped-call]  # google-auth
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as exc:
            # google-auth trusts the shape of the answer.
            raise Transient("the token's answer is unreadable", code="token_unavailable") from exc
        except RefreshError as exc:  # an answer without a token
            words = quote_provider(str(exc.args[0]))
            raise Transient(f"no access token: {words}", code="token_unavailable") from exc

    def _ask_once(
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any
    ) -> TokenAnswer:
        """What google-auth calls; it would ask up to three times, and wait in between."""
        limits = (self._timeouts.connect, self._timeouts.read)
        try:
            answer = self._session.request(method, url, data=body, headers=headers, timeout=limits)
        except requests.RequestException as exc:
            raise _explain_no_token(explain_no_response(exc)) from exc
        if answer.status_code != requests.codes.ok:
            raise _explain_no_token(explain_response(answer, words=answer.content))
        return TokenAnswer(status=answer.status_code, headers=answer.headers, data=answer.content)


def _explain_no_token(error: ProviderError) -> ProviderError:
    """No message was sent: what would be in doubt after one is not, and the key is to blame."""
    words = f"no access token: {error.message}"
    if isinstance(error, Transient):
        return Transient(words, code=error.code, retry_after=error.retry_after)
    if isinstance(error, Uncertain):
        return Transient(words, code=error.code)
    code = error.code if isinstance(error, Misconfigured) else "authentication_failed"
    return Misconfigured(words, code=code)


def load_fcm_credentials(path: str, *, endpoint: str | None) -> Credentials:
    """Read a service account's key file. Raises InvalidProviderUrl, in one line."""
    expected = f"fcm: expected a service account's JSON key at {path}"
    try:
        info = json.loads(Path(path).read_bytes())
        usable = info["type"] == "service_account" and bool(info["project_id"])
        redirect = {"token_uri": f"{endpoint}/token"} if endpoint else {}
        credentials: Credentials = Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # google-auth
            {**info, **redirect}, scopes=SCOPES
        )
    except OSError as exc:
        raise InvalidProviderUrl(f"{expected}: {exc.strerror or 'unreadable'}") from exc
    except (ValueError, TypeError, KeyError) as exc:
        # The library's words may quote the key, so they are not repeated.
        raise InvalidProviderUrl(f"{expected}, found something else") from exc
    if not usable:
        raise InvalidProviderUrl(f"{expected}, found something else")
    return credentials


def open_fcm_app(
    credentials: Credentials,
    *,
    auth: ServiceAccountAuth,
    endpoint: str | None,
    timeouts: Timeouts,
) -> firebase_admin.App:
    """An app of its own, whose messaging service goes where, and waits as long as, we say."""
    project = credentials.project_id
    app = firebase_admin.initialize_app(
        credentials, {"projectId": project}, name=f"notifier-{uuid.uuid4()}"
    )
    session = OneHopSession()
    session.auth = auth
    # Firebase has no option for any of this: by itself it repeats a send up to four times, a
    # read timeout included, and waits 120 s.
    service = messaging._get_messaging_service(app)  # noqa: SLF001
    service._client = _http_client.JsonHttpClient(  # noqa: SLF001
        session=session, retries=False, timeout=(timeouts.connect, timeouts.read)
    )
    if endpoint:
        service._fcm_url = f"{endpoint}/v1/projects/{project}/messages:send"  # noqa: SLF001
    return app


def close_fcm_app(app: firebase_admin.App) -> None:
    """Close the kept connections and forget the app."""
    service = messaging._get_messaging_service(app)  # noqa: SLF001 - as in open_fcm_app
    service._client.close()  # noqa: SLF001
    firebase_admin.delete_app(app)
