"""A push as Firebase Cloud Messaging wants it: the common part and the device's own block.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from typing import Any

import msgspec

from apps.delivery.providers.contract import Permanent, PushMessage


def encode_fcm_message(message: PushMessage, *, now: float) -> bytes:
    """Return the request's body; `now` dates the APNs expiry.

    Only the block of the device's platform is filled. Raises Permanent for what is not Unicode.
    """
    try:
        return msgspec.json.encode({"message": _build_message(message, now=now)})
    except UnicodeEncodeError as exc:
        raise Permanent("the text is not valid Unicode", code="invalid_content") from exc


def _build_message(message: PushMessage, *, now: float) -> dict[str, Any]:
    return {
        "token": message.token,
        "notification": _with_image(message, {"title": message.title, "body": message.body}),
        "data": _build_data(message),
        **_build_platform(message, now=now),
    }


def _build_platform(message: PushMessage, *, now: float) -> dict[str, Any]:
    if message.platform == "android":
        return {"android": _build_android(message)}
    if message.platform == "ios":
        return {"apns": _build_apns(message, now=now)}
    return {"webpush": _build_webpush(message)}


def _build_data(message: PushMessage) -> dict[str, str]:
    """What the app itself reads; the link is here because only web push has a field for it."""
    link = {"link": message.link} if message.link else {}
    return {**link, **message.data, "notification_id": message.notification_id}


def _build_android(message: PushMessage) -> dict[str, Any]:
    priority = "PRIORITY_HIGH" if message.high_priority else "PRIORITY_DEFAULT"
    shown = {"default_sound": True, "notification_priority": priority}
    lives = {} if message.ttl_seconds is None else {"ttl": f"{message.ttl_seconds}s"}
    return {
        "priority": "high" if message.high_priority else "normal",
        "notification": _with_image(message, shown),
        **lives,
    }


def _build_apns(message: PushMessage, *, now: float) -> dict[str, Any]:
    headers = {
        "apns-push-type": "alert",
        "apns-priority": "10" if message.high_priority else "5",
    }
    if message.ttl_seconds is not None:
        headers["apns-expiration"] = str(int(now) + message.ttl_seconds)
    aps: dict[str, Any] = {
        "alert": {"title": message.title, "body": message.body},
        "sound": "default",
    }
    built: dict[str, Any] = {"headers": headers, "payload": {"aps": aps}}
    if message.image:
        aps["mutable-content"] = 1  # lets the app's extension fetch the image
        built["fcm_options"] = {"image": message.image}
    return built


def _build_webpush(message: PushMessage) -> dict[str, Any]:
    headers = {"Urgency": "high" if message.high_priority else "normal"}
    if message.ttl_seconds is not None:
        headers["TTL"] = str(message.ttl_seconds)
    shown = _with_image(message, {"title": message.title, "body": message.body})
    built: dict[str, Any] = {"headers": headers, "notification": shown}
    if message.link and message.link.startswith("https://"):  # FCM refuses the message otherwise
        built["fcm_options"] = {"link": message.link}
    return built


def _with_image(message: PushMessage, shown: dict[str, Any]) -> dict[str, Any]:
    return {**shown, "image": message.image} if message.image else shown
