"""Signing requests to Amazon's services: Signature Version 4, its whole recipe.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKey:
    """An access key, and where it is used."""

    identity: str
    secret: str = field(repr=False)
    region: str
    service: str


def sign_request(
    *, method: str, url: str, headers: Mapping[str, str], body: bytes, key: AwsKey, now: float
) -> dict[str, str]:
    """Return the headers to send: the given ones, all of them signed, with date and signature.

    The URL has no query. `now` is in seconds since 1970; Amazon takes five minutes of difference.
    """
    split = urlsplit(url)
    stamp = datetime.fromtimestamp(now, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "Host": split.netloc, "X-Amz-Date": stamp}
    canonical = {name.lower(): " ".join(value.split()) for name, value in signed.items()}
    names = ";".join(sorted(canonical))
    lines = [f"{name}:{canonical[name]}" for name in sorted(canonical)]
    path = quote(split.path or "/", safe="/-_.~")
    digest = hashlib.sha256(body).hexdigest()
    request = "\n".join([method, path, "", *lines, "", names, digest])
    scope = f"{stamp[:8]}/{key.region}/{key.service}/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    signature = _sign("\n".join([ALGORITHM, stamp, scope, hashed]), scope=scope, key=key)
    authorization = f"Credential={key.identity}/{scope}, SignedHeaders={names}"
    return {**signed, "Authorization": f"{ALGORITHM} {authorization}, Signature={signature}"}


def _sign(text: str, *, scope: str, key: AwsKey) -> str:
    secret = f"AWS4{key.secret}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    return hmac.new(secret, text.encode(), "sha256").hexdigest()
