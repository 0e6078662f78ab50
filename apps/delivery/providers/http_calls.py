"""What the answer to an HTTP request means, and what it means that there is none."""

import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import mktime_tz, parsedate_tz
from http.client import HTTPException
from typing import Protocol

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
    quote_provider,
)
from apps.delivery.providers.sockets import is_tls_refusal

# 408 and 425: the server says that it did not process the request.
TRANSIENT_STATUSES = frozenset({408, 425, 429})
# 402: no credit left; 404 and 405: not the provider's API, or not our account's part of it.
ACCOUNT_STATUSES = frozenset({401, 402, 403, 404, 405, 407})
UNREADABLE_ANSWERS = (
    requests.exceptions.InvalidJSONError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.ChunkedEncodingError,
)
AUTHENTICATION_STATUSES = frozenset({401, 403})
LONGEST_RETRY_AFTER = 86_400.0  # whoever names ten years means "not now"
TIMEOUTS = (TimeoutError, requests.Timeout, ReadTimeoutError)


class HttpAnswer(Protocol):
    """What an answer says, whichever client read it."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def content(self) -> bytes: ...


def explain_response(
    response: HttpAnswer, *, words: str | bytes, secrets: Iterable[str] = ()
) -> ProviderError:
    """What an answer outside 2xx means; `words` are the provider's own."""
    status = response.status_code
    text = f"HTTP {status}: {quote_provider(words, secrets=secrets) or 'no explanation'}"
    code = f"http_{status}"
    if status in TRANSIENT_STATUSES or status >= 500:
        return Transient(text, code=code, retry_after=read_retry_after(response))
    if status in AUTHENTICATION_STATUSES:
        return Misconfigured(text, code="authentication_failed")
    if status in ACCOUNT_STATUSES or 300 <= status < 400:
        return Misconfigured(text, code=code)
    if status < 300:
        return Uncertain(f"accepted, but unreadable: {text}", code="unreadable_answer")
    return Permanent(text, code=code)


def explain_no_response(
    error: requests.RequestException, *, secrets: Iterable[str] = ()
) -> ProviderError:
    """What it means that no answer came: never handed over, or nobody knows."""
    unreached = _find_connect_failure(error)
    if unreached is not None:
        return explain_unreached(unreached, secrets=secrets)
    words = quote_provider(str(error), secrets=secrets)
    if any(isinstance(cause, TIMEOUTS) for cause in _list_causes(error)):
        return Uncertain(f"no answer in time: {words}", code="timeout")
    if isinstance(error, UNREADABLE_ANSWERS) or _is_garbled(error):
        return Uncertain(f"the answer is unreadable: {words}", code="unreadable_answer")
    if isinstance(error, ValueError):  # a URL or header of ours that requests does not send
        return Misconfigured(f"the request cannot be made: {words}", code="invalid_request")
    return Uncertain(f"no answer: {words}", code="connection_lost")


def read_retry_after(response: HttpAnswer) -> float | None:
    """Seconds to wait (RFC 9110 section 10.2.3), dates measured by the server's own clock.

    At most LONGEST_RETRY_AFTER; None where there is no wait that can be read.
    """
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    until = _read_http_date(text)
    if until is None:
        return None
    now = _read_http_date(response.headers.get("Date", ""))
    wait = until - (time.time() if now is None else now)
    return min(max(0.0, wait), LONGEST_RETRY_AFTER)


def _read_http_date(text: str) -> float | None:
    try:
        parsed = parsedate_tz(text)
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError):  # a year that no calendar has
        return None


def _find_connect_failure(error: requests.RequestException) -> Exception | None:
    """What kept the connection from being made; None where it was made."""
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    unmade = (NewConnectionError, ConnectTimeoutError, ProxyError)
    return reason if isinstance(reason, unmade) else None


def explain_unreached(error: Exception, *, secrets: Iterable[str] = ()) -> ProviderError:
    """No connection, so nothing was sent.

    A refused certificate or no TLS at all is for an operator to mend.
    """
    words = quote_provider(str(error), secrets=secrets)
    if any(is_tls_refusal(cause) for cause in _list_causes(error)):
        return Misconfigured(f"TLS failed: {words}", code="tls_failed")
    return Transient(f"no connection: {words}", code="connect_failed")


def _is_garbled(error: requests.RequestException) -> bool:
    """Something came that is not HTTP (a lost connection is an HTTPException to Python too)."""
    return any(
        isinstance(cause, HTTPException) and not isinstance(cause, ConnectionError)
        for cause in _list_causes(error)
    )


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it; requests and urllib3 keep that in different places."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
