"""A push as Firebase Cloud Messaging wants it: the common part and the device's own block."""

from firebase_admin import messaging

from apps.delivery.providers.contract import PushMessage


def build_fcm_message(message: PushMessage, *, now: float) -> messaging.Message:
    """Only the block of the device's platform is filled; `now` dates the APNs expiry."""
    built = messaging.Message(
        notification=messaging.Notification(
            title=message.title, body=message.body, image=message.image
        ),
        data=_build_data(message),
        android=_build_android(message) if message.platform == "android" else None,
        apns=_build_apns(message, now=now) if message.platform == "ios" else None,
        webpush=_build_webpush(message) if message.platform == "web" else None,
    )
    # Set here and not above: the constructor deprecates `token` in favour of installation ids,
    # which no client of ours has, and warns on every message. Filtering that warning around
    # each send would change the filters of every thread.
    built.token = message.token
    return built


def _build_data(message: PushMessage) -> dict[str, str]:
    """What the app itself reads; the link is here because only web push has a field for it."""
    link = {"link": message.link} if message.link else {}
    return {**link, **message.data, "notification_id": message.notification_id}


def _build_android(message: PushMessage) -> messaging.AndroidConfig:
    return messaging.AndroidConfig(
        priority="high" if message.high_priority else "normal",
        ttl=message.ttl_seconds,
        notification=messaging.AndroidNotification(
            image=message.image,
            default_sound=True,
            priority="high" if message.high_priority else "default",
        ),
    )


def _build_apns(message: PushMessage, *, now: float) -> messaging.APNSConfig:
    headers = {
        "apns-push-type": "alert",
        "apns-priority": "10" if message.high_priority else "5",
    }
    if message.ttl_seconds is not None:
        headers["apns-expiration"] = str(int(now) + message.ttl_seconds)
    aps = messaging.Aps(
        alert=messaging.ApsAlert(title=message.title, body=message.body),
        sound="default",
        mutable_content=bool(message.image),  # lets the app's extension fetch the image
    )
    return messaging.APNSConfig(
        headers=headers,
        payload=messaging.APNSPayload(aps=aps),
        fcm_options=messaging.APNSFCMOptions(image=message.image) if message.image else None,
    )


def _build_webpush(message: PushMessage) -> messaging.WebpushConfig:
    headers = {"Urgency": "high" if message.high_priority else "normal"}
    if message.ttl_seconds is not None:
        headers["TTL"] = str(message.ttl_seconds)
    secure = (message.link or "").startswith("https://")  # FCM refuses the message otherwise
    return messaging.WebpushConfig(
        headers=headers,
        notification=messaging.WebpushNotification(
            title=message.title, body=message.body, image=message.image
        ),
        fcm_options=messaging.WebpushFCMOptions(link=message.link) if secure else None,
    )
