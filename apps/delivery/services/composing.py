"""From a claimed notification to the messages that leave: last checks, rendering, headers."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings

from apps.delivery.providers.contract import EmailMessage, PushMessage
from apps.notifications.models import Channel, Notification, Status
from apps.notifications.services.suppressing import is_marketing
from apps.notifications.services.unsubscribing import Unsubscription, seal_unsubscription
from apps.templates.rendering import (
    MissingVariables,
    RenderedEmail,
    RenderedPush,
    RenderingError,
    compiled_loose,
)
from apps.templates.services import render_version
from apps.users.models import Device, email_key

HIGH_PRIORITY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a notification is not handed to a provider after all."""

    status: str
    reason: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One message, and the user's device that it is for (None for mail and bare tokens)."""

    message: EmailMessage | PushMessage
    device: Device | None = None


def compose(notification: Notification, *, now: datetime) -> list[Target] | Refusal:
    """Return what to send, one message for each device of a push; or why nothing is to be sent.

    Preferences, the user's state and the suppression list are checked again: they may have changed
    since the accept.
    """
    refusal = _refuse(notification, now=now) or _refuse_suppressed(notification)
    if refusal is not None:
        return refusal
    try:
        rendered = _render(notification)
    except (MissingVariables, RenderingError) as error:
        return Refusal(status=Status.FAILED, reason=error.code, error=str(error))
    if isinstance(rendered, RenderedEmail):
        return [Target(message=_email(notification, rendered))]
    return _pushes(notification, rendered, now=now)


def refuse_expired(notification: Notification, *, now: datetime) -> Refusal | None:
    """Return the refusal of what is no longer to be sent; None while it is."""
    if notification.expires_at and notification.expires_at <= now:
        return Refusal(status=Status.EXPIRED, reason="expires_at_passed")
    return None


def _refuse(notification: Notification, *, now: datetime) -> Refusal | None:
    if refusal := refuse_expired(notification, now=now):
        return refusal
    user = notification.user
    if user is None:
        return (
            None if notification.recipient else Refusal(status=Status.SKIPPED, reason="user_gone")
        )
    if not user.is_active:
        return Refusal(status=Status.SKIPPED, reason="user_inactive")
    if not user.wants(notification.channel):
        return Refusal(status=Status.SKIPPED, reason="preference_off")
    return None


def _refuse_suppressed(notification: Notification) -> Refusal | None:
    """A user may have several devices, of which some are suppressed: see `_pushes`."""
    has_one_address = notification.channel == Channel.EMAIL or notification.user is None
    if has_one_address and notification.suppressed_addresses:
        return Refusal(status=Status.SKIPPED, reason="suppressed")
    return None


def _render(notification: Notification) -> RenderedEmail | RenderedPush:
    variables: dict[str, Any] = notification.variables
    if notification.template_version is not None:
        return render_version(version=notification.template_version, variables=variables)
    content = compiled_loose(notification.channel, notification.content or {})
    return content.render(variables)


def _email(notification: Notification, rendered: RenderedEmail) -> EmailMessage:
    sender = settings.DEFAULT_FROM_EMAIL
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    user = notification.user
    return EmailMessage(
        notification_id=str(notification.pk),
        attempt=notification.attempts,
        # The same for every attempt: a receiver that sees an attempt twice can tell.
        message_id=f"<{notification.pk}@{domain}>",
        sender=sender,
        recipient=user.email if user else notification.recipient,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        headers={"X-Correlation-ID": notification.correlation_id, **_list_headers(notification)},
        correlation_id=notification.correlation_id,
    )


def _list_headers(notification: Notification) -> dict[str, str]:
    """Return what lets mail clients offer to unsubscribe (RFC 8058); only marketing has it."""
    if not is_marketing(notification.template_version):
        return {}
    user = notification.user
    wish = Unsubscription(
        organization_id=notification.organization_id,
        channel=notification.channel,
        address=email_key(user.email if user else notification.recipient),
        template_code=notification.template_code,
    )
    return {
        "List-Unsubscribe": f"<{settings.PUBLIC_URL}/unsubscribe/{seal_unsubscription(wish)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _pushes(
    notification: Notification, rendered: RenderedPush, *, now: datetime
) -> list[Target] | Refusal:
    if notification.user is None:
        message = _push(notification, rendered, notification.recipient, notification.platform, now)
        return [Target(message=message)]
    devices = [
        device
        for device in notification.user.devices.all()
        if str(device.pk) not in notification.reached_devices
        and device.token_digest not in notification.suppressed_addresses
    ]
    if not devices:
        reason = "suppressed" if notification.suppressed_addresses else "no_device"
        return Refusal(status=Status.SKIPPED, reason=reason)
    return [
        Target(
            message=_push(notification, rendered, device.token, device.platform, now),
            device=device,
        )
        for device in devices
    ]


def _push(
    notification: Notification, rendered: RenderedPush, token: str, platform: Any, now: datetime
) -> PushMessage:
    expires_at = notification.expires_at
    return PushMessage(
        notification_id=str(notification.pk),
        attempt=notification.attempts,
        token=token,
        platform=platform,
        title=rendered.title,
        body=rendered.body,
        image=rendered.image,
        link=rendered.link,
        data=rendered.data,
        high_priority=notification.priority >= HIGH_PRIORITY,
        ttl_seconds=max(0, int((expires_at - now).total_seconds())) if expires_at else None,
        correlation_id=notification.correlation_id,
    )
