"""From a claimed notification to the messages that leave: last checks, rendering, headers."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.delivery.providers.contract import EmailMessage, PushMessage
from apps.delivery.retry import PARK_SECONDS
from apps.notifications.models import Status
from apps.notifications.models.claimed import ClaimedDevice, ClaimedNotification
from apps.notifications.services.unsubscribing import Unsubscription, seal_unsubscription
from apps.templates.models import TemplateVersion
from apps.templates.rendering import (
    MissingVariables,
    RenderedEmail,
    RenderedPush,
    RenderingError,
    compiled_loose,
)
from apps.templates.services import render_version
from apps.users.models import email_key
from notifier.encryption import Undecryptable

HIGH_PRIORITY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a notification is not handed to a provider after all."""

    status: str
    reason: str
    error_code: str = ""
    error: str = ""
    retry_in: float = 0  # seconds; goes with the status pending


def fail(*, reason: str, error: str) -> Refusal:
    """Give a notification up before any provider has seen it."""
    return Refusal(status=Status.FAILED, reason=reason, error_code=reason, error=error)


def park_sealed(error: Undecryptable) -> Refusal:
    """It waits, as behind wrong credentials, until the key that opens it is back."""
    return Refusal(
        status=Status.PENDING,
        reason="misconfigured",
        error_code="undecryptable",
        error=error.message,
        retry_in=PARK_SECONDS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One message, and the user's device that it is for (None for mail and bare tokens)."""

    message: EmailMessage | PushMessage
    device: ClaimedDevice | None = None


def compose(notification: ClaimedNotification, *, now: datetime) -> list[Target] | Refusal:
    """Return what to send, one message for each device of a push; or why nothing is to be sent.

    Preferences, the user's state and the suppression list are checked again: they may have changed
    since the accept.
    """
    refusal = _refuse(notification, now=now) or _refuse_suppressed(notification)
    if refusal is not None:
        return refusal
    try:
        return _address(notification, _render(notification), now=now)
    except (MissingVariables, RenderingError) as error:
        return fail(reason=error.code, error=str(error))
    except Undecryptable as error:
        return park_sealed(error)


def _address(
    notification: ClaimedNotification, rendered: RenderedEmail | RenderedPush, *, now: datetime
) -> list[Target] | Refusal:
    if isinstance(rendered, RenderedEmail):
        return [Target(message=_email(notification, rendered))]
    return _pushes(notification, rendered, now=now)


def refuse_expired(notification: ClaimedNotification, *, now: datetime) -> Refusal | None:
    """Return the refusal of what is no longer to be sent; None while it is."""
    if notification.expires_at and notification.expires_at <= now:
        return Refusal(status=Status.EXPIRED, reason="expires_at_passed")
    return None


def _refuse(notification: ClaimedNotification, *, now: datetime) -> Refusal | None:
    if refusal := refuse_expired(notification, now=now):
        return refusal
    user = notification.user
    if user is None:
        return (
            None
            if notification.sealed_recipient
            else Refusal(status=Status.SKIPPED, reason="user_gone")
        )
    if not user.is_active:
        return Refusal(status=Status.SKIPPED, reason="user_inactive")
    if not user.wants(notification.channel):
        return Refusal(status=Status.SKIPPED, reason="preference_off")
    return None


def _refuse_suppressed(notification: ClaimedNotification) -> Refusal | None:
    """A user may have several devices, of which some are suppressed: see `_pushes`."""
    has_one_address = notification.channel == "email" or notification.user is None
    if has_one_address and notification.is_suppressed:
        return Refusal(status=Status.SKIPPED, reason="suppressed")
    return None


def _render(notification: ClaimedNotification) -> RenderedEmail | RenderedPush:
    variables: dict[str, Any] = notification.variables
    version = notification.template_version_id
    if version is not None:
        return render_version(version=_find_version(version), variables=variables)
    return compiled_loose(notification.channel, notification.content).render(variables)


@lru_cache(maxsize=100)
def _find_version(version_id: UUID) -> TemplateVersion:
    """Return a version from memory: what it says, and on which channel, never changes."""
    return TemplateVersion.objects.select_related("template").get(pk=version_id)


def _email(notification: ClaimedNotification, rendered: RenderedEmail) -> EmailMessage:
    sender = settings.DEFAULT_FROM_EMAIL
    address = notification.address
    return EmailMessage(
        notification_id=str(notification.id),
        attempt=notification.attempts,
        # The same for every attempt: a receiver that sees an attempt twice can tell.
        message_id=f"<{notification.id}@{_domain_of(sender)}>",
        sender=sender,
        recipient=address,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        headers={
            "X-Correlation-ID": notification.correlation_id,
            **_list_headers(notification, address),
        },
        correlation_id=notification.correlation_id,
        hosted=rendered.hosted,
        variables=rendered.variables,
    )


@lru_cache(maxsize=4)
def _domain_of(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _list_headers(notification: ClaimedNotification, address: str) -> dict[str, str]:
    """Return what lets mail clients offer to unsubscribe (RFC 8058); only marketing has it."""
    if not notification.is_marketing:
        return {}
    wish = Unsubscription(
        organization_id=notification.organization_id,
        channel=notification.channel,
        address=email_key(address),
        template_code=notification.template_code,
    )
    return {
        "List-Unsubscribe": f"<{settings.PUBLIC_URL}/unsubscribe/{seal_unsubscription(wish)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _pushes(
    notification: ClaimedNotification, rendered: RenderedPush, *, now: datetime
) -> list[Target] | Refusal:
    if notification.user is None:
        message = _push(notification, rendered, notification.address, notification.platform, now)
        return [Target(message=message)]
    devices = [
        device
        for device in notification.devices
        if str(device.id) not in notification.reached_devices and not device.is_suppressed
    ]
    if not devices:
        is_suppressed = any(device.is_suppressed for device in notification.devices)
        reason = "suppressed" if is_suppressed else "no_device"
        return Refusal(status=Status.SKIPPED, reason=reason)
    return [
        Target(
            message=_push(notification, rendered, device.token, device.platform, now),
            device=device,
        )
        for device in devices
    ]


def _push(
    notification: ClaimedNotification,
    rendered: RenderedPush,
    token: str,
    platform: Any,
    now: datetime,
) -> PushMessage:
    expires_at = notification.expires_at
    return PushMessage(
        notification_id=str(notification.id),
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
