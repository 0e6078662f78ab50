"""What mail services report, verified and read by Anymail's webhook views, in our words."""

import copy
import hashlib
import importlib
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from anymail.exceptions import (
    AnymailError,
    AnymailNotSupportedWarning,
    AnymailWebhookValidationFailure,
)
from anymail.signals import EventType
from django.http import HttpRequest

from apps.delivery.providers.bounces import name_bounce
from apps.delivery.providers.contract import quote_provider
from apps.delivery.providers.esp_settings import ESPS, Esp
from apps.delivery.providers.sns import SesTrackingView, confirm_subscription, is_of_topic
from apps.delivery.providers.urls import ProviderUrl

# Deferred, queued and the like are steps on the way: the service reports the end of it too.
KINDS: Final = {
    EventType.DELIVERED: "delivered",
    EventType.BOUNCED: "bounced",
    EventType.REJECTED: "bounced",  # taken, and then not sent: suppressed there, for example
    EventType.FAILED: "failed",
    EventType.COMPLAINED: "complained",
    EventType.UNSUBSCRIBED: "unsubscribed",
    EventType.OPENED: "opened",
    EventType.CLICKED: "clicked",
}
VIEWS: Final = {
    "brevo": "BrevoTrackingWebhookView",
    "mailersend": "MailerSendTrackingWebhookView",
    "mailgun": "MailgunTrackingWebhookView",
    "mailjet": "MailjetTrackingWebhookView",
    "mailtrap": "MailtrapTrackingWebhookView",
    "mandrill": "MandrillCombinedWebhookView",
    "postal": "PostalTrackingWebhookView",
    "postmark": "PostmarkTrackingWebhookView",
    "resend": "ResendTrackingWebhookView",
    "sendgrid": "SendGridTrackingWebhookView",
    "sparkpost": "SparkPostTrackingWebhookView",
    "unisender_go": "UnisenderGoTrackingWebhookView",
}
SES: Final = Esp(module="amazon_ses", webhook="webhook_secret")
SENDERS: Final = {**ESPS, "ses": SES}
# Their keys are base64, in which a space can only be a `+` that was not percent-encoded.
WITH_BASE64_KEYS: Final = frozenset({"sendgrid", "postal"})
LONGEST_ID: Final = 255
LONGEST_CODE: Final = 50
# Anymail trusts the shape of what it reads, once it is signed.
_SHAPES = (
    AnymailError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    OSError,
)


class UnverifiedWebhook(Exception):
    """Nobody knows who sent it: no or a wrong signature, or no key to verify it with."""


class UnreadableWebhook(Exception):
    """The sender is known, the body makes no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One report about one mail; either id may be "" where the service does not say it.

    `event_id` is the same when the same report comes again. The `error_code` of a bounce tells
    whether it is for good (see `bounces`).
    """

    kind: str
    event_id: str
    notification_id: str
    message_id: str
    occurred_at: datetime | None
    error_code: str
    error: str


def sends_webhooks(url: ProviderUrl) -> bool:
    return url.scheme in SENDERS and SENDERS[url.scheme].webhook is not None


def asks_for_password(url: ProviderUrl) -> bool:
    """Say whether a service proves itself by HTTP basic authentication; SNS waits to be asked."""
    return SENDERS[url.scheme].webhook == "webhook_secret"


def read_webhook(*, url: ProviderUrl, request: HttpRequest) -> list[ProviderEvent]:
    """Return what a service reports about mails; other reports are left out.

    Raises UnverifiedWebhook, also where the provider URL has no `webhook_key`, and
    UnreadableWebhook.
    """
    if not url.webhook_key:
        raise UnverifiedWebhook("no webhook_key is configured")
    # A copy, because Mandrill's keeps the kind of the last report.
    esp = SENDERS[url.scheme]
    view = copy.copy(_build_view(esp, url.webhook_key))
    _verify(view, request)
    try:
        if esp is SES:
            _heed_topic(view, url, request)
        events = [event for event in view.parse_events(request) if _is_known(event)]
        return [_translate(event, esp.module) for event in events]
    except _SHAPES as error:
        raise UnreadableWebhook("the body is not what this provider sends") from error


def _verify(view: Any, request: HttpRequest) -> None:
    try:
        view.run_validators(request)
    except AnymailWebhookValidationFailure as error:
        raise UnverifiedWebhook("the signature is missing or wrong") from error
    except _SHAPES as error:
        raise UnverifiedWebhook("the signature cannot be read") from error


def _heed_topic(view: Any, url: ProviderUrl, request: HttpRequest) -> None:
    message = view._parse_sns_message(request)  # noqa: SLF001  # Anymail's reading, made once
    if not is_of_topic(message, url):
        raise UnverifiedWebhook("the notification is of another topic")
    confirm_subscription(message, url)


@cache  # one entry for each configured provider
def _build_view(esp: Esp, key: str) -> Any:
    if esp is SES:
        return SesTrackingView(webhook_secret=key)
    module = importlib.import_module(f"anymail.webhooks.{esp.module}")
    plain = key.replace(" ", "+") if esp.module in WITH_BASE64_KEYS else key
    with warnings.catch_warnings():
        # Anymail no longer tests SendGrid (its issue 432); our own tests do.
        warnings.filterwarnings("ignore", r".*SendGrid", AnymailNotSupportedWarning)
        try:
            return getattr(module, VIEWS[esp.module])(**{str(esp.webhook): plain})
        except ValueError as error:
            raise UnverifiedWebhook("the configured webhook_key is not a key") from error


def _is_known(event: Any) -> bool:
    return event.event_type in KINDS


def _translate(event: Any, module: str) -> ProviderEvent:
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    words = event.mta_response or event.description or ""
    return ProviderEvent(
        kind=KINDS[event.event_type],
        event_id=_clean_id(event.event_id) or _digest(event),
        notification_id=_clean_id(metadata.get("notification_id")),
        message_id=_clean_id(event.message_id),
        occurred_at=_as_utc(event.timestamp),
        error_code=_clean_id(name_bounce(event, module=module))[:LONGEST_CODE],
        error=quote_provider(str(words).encode("utf-8", "replace")),
    )


def _clean_id(value: Any) -> str:
    """Return what can be stored and compared; "" for anything else."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if len(text) <= LONGEST_ID and text.isprintable() else ""


def _digest(event: Any) -> str:
    """Stand in for the id that many services do not give their reports."""
    parts = (event.message_id, event.event_type, event.timestamp, event.recipient, event.click_url)
    told = "\n".join(str(part) for part in parts)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def _as_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
