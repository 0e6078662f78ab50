"""Push through OneSignal: one subscription per call, deduplicated there by an idempotency key."""

import uuid
from typing import Any

import requests

from apps.delivery.providers.contract import (
    Channel,
    Permanent,
    PushMessage,
    Timeouts,
    Uncertain,
    clean_identity,
    quote_provider,
)
from apps.delivery.providers.http_calls import explain_no_response, explain_response
from apps.delivery.providers.http_session import OneHopSession

API = "https://api.onesignal.com"


class OneSignalProvider:
    """`POST /notifications`, https://documentation.onesignal.com/reference/push-notification."""

    channel: Channel = "push"

    def __init__(
        self, *, name: str, key: str, app_id: str, endpoint: str | None, timeouts: Timeouts
    ) -> None:
        self.name = name
        self._key = key
        self._app_id = app_id
        self._url = f"{endpoint or API}/notifications"
        self._timeouts = timeouts
        self.longest_call_seconds = timeouts.longest_request
        self._session = OneHopSession()

    def send(self, message: PushMessage) -> str:
        """The notification's id at OneSignal; the same for a repeat within its 30 days."""
        try:
            response = self._session.post(
                self._url,
                json=_build_payload(message, app_id=self._app_id),
                headers={"Authorization": f"Key {self._key}"},
                timeout=(self._timeouts.connect, self._timeouts.read),
            )
        except requests.RequestException as exc:
            raise explain_no_response(exc, secrets=[self._key]) from exc
        return self._read_id(response)

    def close(self) -> None:
        self._session.close()

    def _read_id(self, response: requests.Response) -> str:
        if not response.ok or response.status_code >= 300:
            raise explain_response(response, words=response.content, secrets=[self._key])
        try:
            answer = response.json()
            notification_id, errors = answer.get("id"), answer.get("errors")
        except (ValueError, AttributeError, RecursionError) as exc:
            raise Uncertain("OneSignal's answer is unreadable", code="unreadable_answer") from exc
        if notification_id and isinstance(notification_id, str):
            return clean_identity(notification_id)
        if errors:  # 200 without an id and with errors: nobody to send to, nothing was created
            words = quote_provider(str(errors), secrets=[self._key])
            raise Permanent(words, code="onesignal_unsubscribed", recipient_gone=True)
        raise Uncertain("OneSignal named no notification", code="unreadable_answer")


def _build_payload(message: PushMessage, *, app_id: str) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "app_id": app_id,
        "target_channel": "push",
        "include_subscription_ids": [message.token],
        "idempotency_key": _derive_idempotency_key(message),
        # "en" is OneSignal's required default language, whatever the text's own is.
        "headings": {"en": message.title},
        "contents": {"en": message.body},
        "data": {**message.data, "notification_id": message.notification_id},
        "priority": 10 if message.high_priority else 5,
    }
    if message.link:
        payload["url"] = message.link
    if message.ttl_seconds is not None:
        payload["ttl"] = message.ttl_seconds
    return payload | _build_image(message)


def _build_image(message: PushMessage) -> dict[str, Any]:
    if not message.image:
        return {}
    if message.platform == "ios":
        return {"ios_attachments": {"image": message.image}}
    field = "big_picture" if message.platform == "android" else "chrome_web_image"
    return {field: message.image}


def _derive_idempotency_key(message: PushMessage) -> str:
    """One key for each notification and device, so that a repeat after a doubt is not a second."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{message.notification_id}/{message.token}"))
