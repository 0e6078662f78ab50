"""Access tokens of a Google service account: one at hand, exchanged for its key in time."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
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
# RFC 6750 section 2.1: what else there is would not stay within its header.
BEARER_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


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


class ServiceAccountTokens:
    """The access token of one account, for all threads.

    google-auth's own session would repeat a send that is answered 401, up to twice, and hand
    the token to a second host to look up regions, wherever our endpoint is.
    """

    def __init__(self, credentials: Credentials, *, timeouts: Timeouts) -> None:
        self._credentials = credentials
        self._session = OneHopSession()
        self._timeouts = timeouts
        self._lock = threading.Lock()

    def find_token(self) -> AccessToken:
        """Return the token at hand, or a new one.

        Takes at most half the time of a call: the message needs some too. What another thread
        forgets meanwhile is still sent by the one that has it.
        """
        held = self._credentials.token
        if self._credentials.valid and _is_bearer(held):  # nearly always, and without the lock
            return AccessToken(str(held), is_fresh=False)
        with end_within((self._timeouts.connect + self._timeouts.read) / 2), self._locked():
            is_fresh = not self._credentials.valid
            if is_fresh:
                self._exchange_key()
            return AccessToken(str(self._credentials.token), is_fresh)

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
        if not _is_bearer(self._credentials.token):
            self._credentials.token = None
            raise Transient("the access token is unreadable", code="token_unavailable")

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


def _is_bearer(token: str | None) -> bool:
    return token is not None and BEARER_TOKEN.fullmatch(token) is not None


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
