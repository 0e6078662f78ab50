"""Dead letters: the story of what was given up goes to `failed.queue`; what arrives is sorted."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db.models.functions import Now

from apps.delivery.models import DeadMessage
from apps.notifications.models import Notification, NotificationEvent
from notifier.broker import publish_story
from notifier.topology import SCHEMA_VERSION

log = structlog.get_logger(__name__)


def route_dead_letters(*, ids: Sequence[UUID]) -> int:
    """Send the story of each given-up notification to `failed.queue`, once; return how many.

    Raises BrokerUnavailable; what is not marked yet is hinted at again by the sweep.
    """
    waiting = Notification.objects.dead_letters().without_private()
    waiting = waiting.filter(pk__in=ids, dead_lettered_at=None)
    routed = 0
    for notification in waiting:
        publish_story(tell_story(notification))
        # Only this failure: a replay meanwhile may lead to another one, with its own story. (Not
        # by the time of it: what SQLite stores has fewer digits than what Django asks for.)
        told = Notification.objects.dead_letters().filter(
            pk=notification.pk, dead_lettered_at=None, fence=notification.fence
        )
        routed += told.update(dead_lettered_at=Now())
    return routed


def tell_story(notification: Notification) -> dict[str, Any]:
    """Return everything that happened to a notification, without contact data or content."""
    events = NotificationEvent.objects.filter(notification=notification).order_by("id")
    return {
        "schema_version": SCHEMA_VERSION,
        "notification_id": str(notification.pk),
        "type": notification.channel,
        "correlation_id": notification.correlation_id,
        "attempts": notification.attempts,
        "reason": notification.reason,
        "error_code": notification.error_code,
        "provider": notification.provider,
        "template_code": notification.template_code,
        "failed_at": notification.finished_at.isoformat() if notification.finished_at else None,
        "events": [
            {
                "at": event.at.isoformat(),
                "status": event.status,
                "attempt": event.attempt,
                "provider": event.provider,
                "error_code": event.error_code,
                "reason": event.reason,
            }
            for event in events
        ],
    }


def sort_dead_letter(
    *, headers: Mapping[str, Any], content_type: str, body: bytes, ids: Sequence[str]
) -> bool:
    """Deal with one message of `failed.queue`; return whether it had to be kept.

    `ids` are the notifications that it names. A message about notifications needs no keeping:
    their rows know more. Everything else is stored, and an operator should look at it.
    """
    if ids and _are_known(ids):
        log.info("dead_letter_of_notifications", count=len(ids))
        return False
    DeadMessage.objects.create(
        first_queue=_storable(headers.get("x-first-death-queue"))[:255],
        cause=_storable(_find_cause(headers))[:50],
        task=_storable(headers.get("task"))[:255],
        content_type=_storable(content_type)[:255],
        headers=_plain(headers),
        body_digest=hashlib.sha256(body).hexdigest(),
        body_size=len(body),
    )
    log.error("dead_message_kept", first_queue=headers.get("x-first-death-queue"))
    return True


def _are_known(ids: Sequence[str]) -> bool:
    try:
        wanted = {UUID(each) for each in ids}
    except (ValueError, TypeError, AttributeError):
        return False
    return Notification.objects.filter(pk__in=wanted).count() == len(wanted)


# A task's arguments are in these headers as text, and may be anybody's data.
_PRIVATE_HEADERS = frozenset({"argsrepr", "kwargsrepr"})


def _find_cause(headers: Mapping[str, Any]) -> object:
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        return deaths[0].get("reason")
    return headers.get("x-first-death-reason")


def _storable(value: object) -> str:
    """Return what a foreign header says as text that a database can hold."""
    text = "" if value is None else str(value)
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def _plain(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _storable(name): _plain_value(value)
        for name, value in headers.items()
        if name not in _PRIVATE_HEADERS
    }


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {_storable(name): _plain_value(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain_value(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _storable(value)[:1000]
