"""HTTP as every provider does it: one request per call, and what its failure means."""

import ssl
import time
from collections.abc import Iterable
from email.utils import mktime_tz, parsedate_tz

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError

from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
    quote_provider,
)

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


class OneHop(requests.sessions.SessionRedirectMixin):
    """Follows no redirect: credentials and contents go to the configured host alone."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Never any; the redirect itself becomes the answer."""
        return None


class OneHopSession(OneHop, requests.Session):
    """A kept connection that tries once; requests' adapters do not retry by default."""


def explain_response(
    response: requests.Response, *, words: str, secrets: Iterable[str] = ()
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
        words = quote_provider(str(unreached), secrets=secrets)
        return Transient(f"no connection: {words}", code="connect_failed")
    words = quote_provider(str(error), secrets=secrets)
    if _refused_certificate(error):
        return Misconfigured(f"TLS failed: {words}", code="tls_failed")
    if isinstance(error, requests.Timeout):
        return Uncertain(f"no answer in time: {words}", code="timeout")
    if isinstance(error, UNREADABLE_ANSWERS):
        return Uncertain(f"the answer is unreadable: {words}", code="unreadable_answer")
    if isinstance(error, ValueError):  # a URL or header of ours that requests does not send
        return Misconfigured(f"the request cannot be made: {words}", code="invalid_request")
    return Uncertain(f"no answer: {words}", code="connection_lost")


def read_retry_after(response: requests.Response) -> float | None:
    """Seconds to wait (RFC 9110 section 10.2.3), dates measured by the server's own clock."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    until = _read_http_date(text)
    if until is None:
        return None
    now = _read_http_date(response.headers.get("Date", ""))
    return max(0.0, until - (time.time() if now is None else now))


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


def _refused_certificate(error: BaseException) -> bool:
    """Nothing was sent then. Other TLS failures may come after the hand-over."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
