"""Why a connection failed, where TLS is the reason: in words for people who run a server."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Final

_UNTRUSTED: Final = "the server's certificate is not of a CA that is trusted here"
_OTHER_HOST: Final = "the server's certificate is for another host name"
# X509_V_ERR_… of OpenSSL's x509_vfy.h
_VERDICTS: Final[Mapping[int, str]] = {
    9: "the server's certificate is not valid yet",
    10: "the server's certificate has expired",
    18: _UNTRUSTED,
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    62: _OTHER_HOST,
    64: _OTHER_HOST,
}
_NO_TLS: Final = "the server does not speak TLS on this port"
_REASONS: Final[Mapping[str, str]] = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not trust the CA of the client certificate",
}
# libpq says it in a sentence only, and "certificate verify failed" for all that a CA can lack.
_SENTENCES: Final[Mapping[str, str]] = {
    "certificate verify failed": (
        "the server's certificate is not of a CA that is trusted here, or has expired"
    ),
    "does not match host name": _OTHER_HOST,
    "server does not support SSL": "the server does not speak TLS",
    "root certificate file": "sslrootcert cannot be read",
    "private key file": "sslkey may be read by others, or not by this process",
    "no encryption": "the server takes no connection like this one without TLS",
    "valid client certificate": "the server wants a client certificate",
    "certificate required": "the server wants a client certificate",
}


def explain_tls_failure(error: BaseException) -> str:
    """Return why TLS failed, in words that may be shown to anybody; "" if it is not about TLS."""
    for cause in _list_causes(error):
        if isinstance(cause, ssl.SSLError):
            return _explain_openssl(cause)
    return _explain_sentence(str(error))


def describe_failure(error: BaseException, *, setting: str) -> dict[str, str]:
    """Return the fields of a log line: the error's kind and, where TLS failed, whose and why."""
    reason = explain_tls_failure(error)
    told = {"setting": setting, "reason": reason} if reason else {}
    return {"error": type(error).__name__, **told}


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _explain_openssl(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        # TLS 1.3: a client hears that its certificate is missing after the handshake, or never.
        return "the server broke the connection off: it stopped, or wants a client certificate"
    if isinstance(error, ssl.SSLCertVerificationError):
        other = f"the server's certificate was refused: {error.verify_message}"
        return _VERDICTS.get(error.verify_code, other)
    reason = error.reason or ""
    return _REASONS.get(reason, f"TLS failed: {reason.lower().replace('_', ' ') or 'no reason'}")


def _explain_sentence(text: str) -> str:
    return next((told for part, told in _SENTENCES.items() if part in text), "")
