"""Amazon SES v2's SendEmail: checks the signature as Amazon does, and reads the raw mail.

The secret of every access key is `right-key`; mails to `reject400@...` are refused.
"""

import base64
import hashlib
import hmac
import re
import uuid
from email import message_from_bytes, policy
from typing import Any

from tests.standins.control import Standin
from tests.standins.http_server import Answer, Request, answer_json
from tests.standins.provider_api import Call

SES_PATH = "/v2/email/outbound-emails"
SECRET = "right-key"  # noqa: S105  # of this stand-in
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=\w+/(\d{8})/([a-z0-9-]+)/ses/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


async def answer_ses(standin: Standin, request: Request) -> Answer:
    content = read_content(request)
    call = Call(standin, request, kind="ses", content=content)
    if failed := await call.meet_fault(describe_error=describe_ses_error):
        return failed
    if not is_signed(request):
        return call.conclude(describe_ses_error(403, "SignatureDoesNotMatch"))
    if not content or any("reject400@" in one for one in content["to"]):
        return call.conclude(describe_ses_error(400, "MessageRejected"))
    identity = f"{uuid.uuid4().hex}-000000"
    return call.conclude(answer_json(200, {"MessageId": identity}), message_id=identity)


def read_content(request: Request) -> dict[str, Any]:
    """Return what arrived: the recipients, the configuration set, the mail; {} for nonsense."""
    try:
        body = request.read_json()
        raw = base64.b64decode(body["Content"]["Raw"]["Data"], validate=True)
        to = list(body["Destination"]["ToAddresses"])
    except (ValueError, KeyError, TypeError):
        return {}
    mail = message_from_bytes(raw, policy=policy.default)
    text = mail.get_body(("plain",))
    return {
        "to": to,
        "configuration_set": body.get("ConfigurationSetName"),
        "headers": {name: str(value) for name, value in mail.items()},
        "text": text.get_content() if text else "",
        "longest_line": max(map(len, raw.split(b"\r\n"))),
    }


def is_signed(request: Request) -> bool:
    """Recompute the signature from what arrived, in our own words."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if not found:
        return False
    day, region, names, signature = found.groups()
    if not {"host", "x-amz-date", "content-type"} <= set(names.split(";")):
        return False
    headers = "".join(f"{name}:{request.headers[name]}\n" for name in names.split(";"))
    digest = hashlib.sha256(request.body).hexdigest()
    asked = f"POST\n{request.path}\n\n{headers}\n{names}\n{digest}"
    stamp = request.headers["x-amz-date"]
    scope = f"{day}/{region}/ses/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
    key = ("AWS4" + SECRET).encode()
    for part in (day, region, "ses", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), signature)


def describe_ses_error(status: int, kind: str = "InternalServiceErrorException") -> Answer:
    plain = answer_json(status, {"message": "stand-in"})
    return Answer(
        status=status, body=plain.body, headers={**plain.headers, "x-amzn-ErrorType": kind}
    )
