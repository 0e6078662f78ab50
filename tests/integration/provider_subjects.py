"""The providers under test: how to reach each one's stand-in and provoke each failure."""

import json
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import (
    Channel,
    EmailMessage,
    Platform,
    ProviderError,
    PushMessage,
)
from apps.delivery.providers.urls import parse_provider_urls
from tests.standins.processes import FcmService, MailApiService, SmtpSink, StandinProcess

NOTIFICATION_ID = "0198a7c2-1111-7000-8000-000000000001"
MESSAGE_ID = f"<{NOTIFICATION_ID}@example.org>"
LOGIN = ("notifier", "pass-word")
SHORT = 0.5  # seconds: the read timeout of these tests
LIMIT = 3.0  # a call may not take longer, whatever the provider does

Message = EmailMessage | PushMessage


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One provider under test: how to reach its stand-in, and how to provoke each failure."""

    name: str
    channel: Channel
    standin: StandinProcess
    kind: str  # of the stand-in's records
    url: str  # with {key} where the credentials are, {port} where the port is
    refused: str
    gone: bool = False  # whether the refused recipient is a device that exists no more
    right_key: str = "right-key"
    wrong_key: str = "wrong-key"
    busy: dict[str, Any] = field(default_factory=lambda: {"code": 429, "retry_after": "7"})
    retry_after: float | None = 7.0
    failing: dict[str, Any] = field(default_factory=lambda: {"code": 503})
    refused_key: dict[str, Any] = field(default_factory=dict)

    def build(self, *, key: str = "", port: int = 0) -> Any:
        text = self.url.format(key=key or self.right_key, port=port or self.standin.port)
        (url,) = parse_provider_urls(text)
        return build_provider(url, channel=self.channel, store=forbid_store)

    def records(self) -> list[dict[str, Any]]:
        """Everything that reached the stand-in, save token exchanges."""
        return [one for one in self.standin.messages() if one["kind"] != "token"]

    def misbehave(self, fault: str = "status", **wishes: Any) -> None:
        target = wishes.pop("target", self.kind)
        self.standin.behave(fail_always=True, fault=fault, target=target, **wishes)


def forbid_store(message: Message) -> None:
    raise AssertionError(message)


def make_message(channel: Channel, *, recipient: str = "", platform: Platform = "web") -> Message:
    shared: dict[str, Any] = {"notification_id": NOTIFICATION_ID, "attempt": 1}
    if channel == "push":
        return PushMessage(
            **shared,
            token=recipient or "token-1",
            platform=platform,
            title="Grüße",
            body="Your order is ready ☃",
            image=None,
            link="https://example.org/o",
            data={"order": "1812"},
            high_priority=True,
            ttl_seconds=60,
            correlation_id="c-1",
        )
    return EmailMessage(
        **shared,
        message_id=MESSAGE_ID,
        sender='"Nötifier, Inc." <noreply@example.org>',
        recipient=recipient or "ada@example.org",
        subject="Grüße ☃",
        text="Your order is ready ☃\n.\nBye\n",
        html="<p>Your order is ready ☃</p>",
        headers={"X-Correlation-ID": "c-1"},
        correlation_id="c-1",
    )


def write_service_account(path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "standin",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "notifier@standin.example.org",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path.write_text(json.dumps(account))
    return path


def describe_subjects(
    sink: SmtpSink, fcm: FcmService, api: MailApiService, key_file: Path
) -> list[Subject]:
    options = f"endpoint=http://127.0.0.1:{{port}}&timeout={SHORT}"
    return [
        Subject(
            name="smtp",
            channel="email",
            standin=sink,
            kind="data",
            url=f"smtp://{LOGIN[0]}:{{key}}@127.0.0.1:{{port}}?tls=none&timeout={SHORT}",
            right_key=LOGIN[1],
            refused="bounce550@example.org",
            busy={"code": 451},
            retry_after=None,
            failing={"code": 421, "target": "mail"},
        ),
        Subject(
            name="sendgrid",
            channel="email",
            standin=api,
            kind="sendgrid",
            url=f"sendgrid://{{key}}@/?{options}",
            refused="reject400@example.org",
        ),
        Subject(
            name="mailgun",
            channel="email",
            standin=api,
            kind="mailgun",
            url=f"mailgun://{{key}}@/mg.example.org?{options}",
            refused="reject400@example.org",
        ),
        Subject(
            name="ses",
            channel="email",
            standin=api,
            kind="ses",
            url=f"ses://AKIDEXAMPLE:{{key}}@/eu-west-1?{options}&configuration_set=receipts",
            refused="reject400@example.org",
        ),
        Subject(
            name="fcm",
            channel="push",
            standin=fcm,
            kind="send",
            url=f"fcm://{key_file}?{options}",
            refused="UNREGISTERED:x",
            gone=True,
            refused_key={"code": 400, "target": "token"},
        ),
        Subject(
            name="onesignal",
            channel="push",
            standin=api,
            kind="onesignal",
            url=f"onesignal://{{key}}@/app-1?{options}",
            refused="unsubscribed-1",
            gone=True,
        ),
    ]


def fail_to_send(provider: Any, message: Message, kind: type[ProviderError]) -> Any:
    """Send, in time, and return the error, which has to be of exactly this kind."""
    began = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        provider.send(message)
    assert time.monotonic() - began < LIMIT
    assert isinstance(caught.value, kind), repr(caught.value)
    assert caught.value.code
    assert 0 < len(caught.value.message) < 600
    return caught.value


def find_closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
