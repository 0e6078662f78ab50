"""Amazon's notifications (SNS) about mails of SES: read by Anymail, confirmed by name alone."""

import re
from collections.abc import Mapping
from typing import Any, Final

import requests
import structlog
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView

from apps.delivery.providers.http_session import OneHopSession
from apps.delivery.providers.urls import ProviderUrl

log = structlog.get_logger(__name__)
TOPIC: Final = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}")


class SnsUnavailable(Exception):
    """SNS did not take our confirmation: it has to ask again, which it does after a 5xx."""


class SesTrackingView(AmazonSESTrackingWebhookView):  # type: ignore[misc]  # Anymail has no types
    """Reads reports; Anymail's own constructor needs boto3, for what we do not do or do below."""

    def __init__(self, **settings: str) -> None:
        AnymailBaseWebhookView.__init__(self, **settings)

    def auto_confirm_sns_subscription(self, sns_message: Any) -> None:
        """Nothing: `confirm_subscription` has seen to it, before the events are read."""


def is_of_topic(message: Mapping[str, Any], url: ProviderUrl) -> bool:
    """Say whether a notification comes from the topic of `?topic=`, any where none is named."""
    return url.options.get("topic", message.get("TopicArn")) == message.get("TopicArn")


def confirm_subscription(message: Mapping[str, Any], url: ProviderUrl) -> None:
    """Confirm that we want a topic's notifications, if it is the one that `?topic=` names.

    The address is our own, never the one in the message. Raises SnsUnavailable; SNS asks again.
    """
    if message.get("Type") != "SubscriptionConfirmation":
        return
    topic = TOPIC.fullmatch(url.options.get("topic", ""))
    if topic is None:
        log.warning("sns_subscription_waits", provider=url.name, expected="?topic= names it")
        return
    place = url.endpoint or f"https://sns.{topic[1]}.amazonaws.com"
    question = {"Action": "ConfirmSubscription", "TopicArn": topic[0], "Token": message["Token"]}
    timeout = (url.timeouts.connect, url.timeouts.read)
    try:
        with OneHopSession() as session:
            session.get(f"{place}/", params=question, timeout=timeout).raise_for_status()
    except requests.RequestException as error:
        # Not the error itself: it quotes the address, and with it the token.
        raise SnsUnavailable(type(error).__name__) from None
    log.info("sns_subscription_confirmed", provider=url.name)
