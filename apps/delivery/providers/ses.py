"""Mail through Amazon SES (API v2), as the bytes that SMTP would carry.

Not by Anymail's backend: that needs boto3, whose HTTP client our limits of time and size do not
reach, and which is larger than everything else together.
"""

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import Final

import requests

from apps.delivery.providers.aws_signature import AwsKey, sign_request
from apps.delivery.providers.contract import (
    Channel,
    EmailMessage,
    InvalidProviderUrl,
    Misconfigured,
    Permanent,
    ProviderError,
    Timeouts,
    Transient,
    Uncertain,
    clean_identity,
    quote_provider,
)
from apps.delivery.providers.http_calls import explain_no_response, explain_response
from apps.delivery.providers.http_session import OneHopSession
from apps.delivery.providers.mime import build_mime, read_recipient

PATH: Final = "/v2/email/outbound-emails"
REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
# What an operator has to mend at Amazon, though it is answered as if the mail were at fault.
OUR_FAULT: Final = frozenset(
    {
        "AccountSuspendedException",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
        "SendingPausedException",
    }
)


class SesProvider:
    """`SendEmail` with raw content; SES puts a Message-ID of its own in place of ours."""

    channel: Channel = "email"

    def __init__(
        self,
        *,
        name: str,
        key: AwsKey,
        configuration_set: str,
        endpoint: str | None,
        timeouts: Timeouts,
    ) -> None:
        if not REGION.fullmatch(key.region):
            raise InvalidProviderUrl(f"{name}: expected a region such as eu-west-1 as the path")
        self.name = name
        self.longest_call_seconds = timeouts.longest_request
        self._key = key
        self._configuration_set = configuration_set
        self._url = f"{endpoint or f'https://email.{key.region}.amazonaws.com'}{PATH}"
        self._timeouts = timeouts
        self._session = OneHopSession()

    def send(self, message: EmailMessage) -> str:
        """The id that SES gives the mail, the one that its notifications name."""
        body = json.dumps(self._build_payload(message)).encode()
        headers = sign_request(
            method="POST",
            url=self._url,
            headers={"Content-Type": "application/json"},
            body=body,
            key=self._key,
            now=time.time(),
        )
        try:
            response = self._session.post(
                self._url,
                data=body,
                headers=headers,
                timeout=(self._timeouts.connect, self._timeouts.read),
            )
        except requests.RequestException as exc:
            raise explain_no_response(exc, secrets=[self._key.secret]) from exc
        return self._read_id(response)

    def close(self) -> None:
        self._session.close()

    def _build_payload(self, message: EmailMessage) -> dict[str, object]:
        recipient = read_recipient(message)
        if recipient.needs_smtputf8:
            raise Permanent("SES takes no such address", code="invalid_recipient")
        raw = build_mime(message, now=time.time())
        payload: dict[str, object] = {
            "Destination": {"ToAddresses": [str(recipient)]},
            "Content": {"Raw": {"Data": base64.b64encode(raw).decode()}},
        }
        if self._configuration_set:
            payload["ConfigurationSetName"] = self._configuration_set
        return payload

    def _read_id(self, response: requests.Response) -> str:
        answer = _read_answer(response)
        if not 200 <= response.status_code < 300:
            raise self._explain(response, answer)
        identity = answer.get("MessageId")
        if isinstance(identity, str) and identity:
            return clean_identity(identity)
        raise Uncertain("SES named no message", code="unreadable_answer")

    def _explain(self, response: requests.Response, answer: Mapping[str, object]) -> ProviderError:
        """What an error means; its kind is in a header, as `Kind:http://…` at times."""
        kind = response.headers.get("x-amzn-ErrorType", "").partition(":")[0]
        said = str(answer.get("message") or answer.get("Message") or "")
        words = quote_provider(f"{kind} {said}", secrets=[self._key.secret])
        if kind in OUR_FAULT or (kind == "MessageRejected" and "not verified" in said):
            return Misconfigured(words, code="sender_not_ready")
        if kind == "LimitExceededException":
            return Transient(words, code="http_429")
        return explain_response(
            response, words=words.strip() or response.content, secrets=[self._key.secret]
        )


def _read_answer(response: requests.Response) -> Mapping[str, object]:
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
