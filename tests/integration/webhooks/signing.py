"""What mail services post, signed the way they sign it."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Posted = dict[str, Any]  # what Django's test client takes besides the path


def mailgun_event(event: str, *, notification_id: str, **more: Any) -> dict[str, Any]:
    return {
        "event": event,
        "timestamp": time.time(),
        "id": uuid4().hex,
        "recipient": "ada@example.org",
        "user-variables": {"notification_id": notification_id},
        "message": {"headers": {"message-id": "abc@example.org"}},
        **more,
    }


def sign_mailgun(event: dict[str, Any], *, key: str, token: str | None = None) -> Posted:
    """HMAC-SHA256 of timestamp and token, in the body (Mailgun: securing webhooks)."""
    timestamp, token = str(int(time.time())), token or uuid4().hex
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    body = json.dumps({"signature": signed, "event-data": event})
    return {"data": body, "content_type": "application/json"}


@dataclass(frozen=True, slots=True)
class SendGridSigner:
    """ECDSA over SHA-256 of timestamp and body (SendGrid: event webhook security features)."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def public_key(self) -> str:
        """Return the key as SendGrid shows it: the base64 of a PEM block, without its frame."""
        der = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def sign(self, body: bytes) -> Posted:
        timestamp = str(int(time.time()))
        signature = self.private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }
        return {"data": body, "content_type": "application/json", "headers": headers}


def sendgrid_event(event: str, *, notification_id: str, **more: Any) -> dict[str, Any]:
    return {
        "event": event,
        "timestamp": int(time.time()),
        "email": "ada@example.org",
        "sg_event_id": uuid4().hex,
        "notification_id": notification_id,
        **more,
    }


def sign_basic(body: Any, *, credentials: str) -> Posted:
    """Basic authentication, all that services without signatures offer."""
    encoded = base64.b64encode(credentials.encode()).decode()
    return {
        "data": json.dumps(body),
        "content_type": "application/json",
        "headers": {"Authorization": f"Basic {encoded}"},
    }


def sign_mailersend(body: Any, *, key: str) -> Posted:
    """HMAC-SHA256 of the body (MailerSend: webhook security)."""
    raw = json.dumps(body).encode()
    signature = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
    return {
        "data": raw,
        "content_type": "application/json",
        "headers": {"Signature": signature},
    }
