"""Handing one notification to the providers of its channel, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
)
from apps.delivery.retry import RetryPolicy, Verdict, judge
from apps.delivery.services.composing import Refusal, Target, compose
from apps.delivery.services.outlets import Outlet, outlets_for
from apps.notifications.models import Notification, Status
from apps.notifications.models.transitions import Outcome
from apps.users.services import remove_device
from notifier.faults import DATABASE_AWAY

log = structlog.get_logger(__name__)
Guard = Callable[[UUID], None]  # raises when the notification must not be sent now


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One message handed to one provider after the other until one gave a final answer."""

    target: Target
    provider: str = ""
    provider_message_id: str = ""
    error: ProviderError | None = None
    tried: list[dict[str, str]] = field(default_factory=list)


def fail_of_a_bug(notification: Notification, error: Exception) -> Outcome:
    """Return the outcome of a notification that one of our own bugs stopped, and say so loudly.

    It ends as a dead letter with the error's name, and can be replayed once the bug is mended; its
    neighbours in the chunk go on.
    """
    log.error("delivery_bug", notification_id=str(notification.pk), exc_info=error)
    refusal = Refusal(status=Status.FAILED, reason="internal_error", error=type(error).__name__)
    return _refused(notification, refusal)


def send_notification(
    notification: Notification, *, guard: Guard, policy: RetryPolicy, now: datetime
) -> Outcome:
    """Send one claimed notification and return its outcome; raises nothing a provider does.

    `guard` is asked before each provider call; what it raises goes through.
    """
    composed = compose(notification, now=now)
    if isinstance(composed, Refusal):
        return _refused(notification, composed)
    outlets = outlets_for(channel=notification.channel, mode=notification.mode)  # type: ignore[arg-type]  # the model's choices are the channels
    attempts = [_attempt(notification, target, outlets, guard) for target in composed]
    for attempt in attempts:
        _forget_gone_device(attempt)
    return _sum_up(notification, attempts, policy=policy)


def _attempt(
    notification: Notification, target: Target, outlets: Sequence[Outlet], guard: Guard
) -> Attempt:
    """Try the providers in order; only a transient failure moves on to the next one."""
    attempt = Attempt(target=target)
    for outlet in outlets:
        guard(notification.pk)
        attempt.provider = outlet.name
        try:
            attempt.provider_message_id = outlet.send(target.message)
        except ProviderError as error:
            attempt.error = error
            attempt.tried.append(_describe_failure(outlet.name, error))
            if not isinstance(error, Transient):
                break
        else:
            attempt.error = None
            break
    return attempt


def _describe_failure(provider: str, error: ProviderError) -> dict[str, str]:
    log.warning("provider_refused", provider=provider, error_code=error.code)
    return {"provider": provider, "error_code": error.code, "error": error.message}


def _forget_gone_device(attempt: Attempt) -> None:
    gone = isinstance(attempt.error, Permanent) and attempt.error.recipient_gone
    if gone and attempt.target.device is not None:
        try:
            remove_device(device_id=attempt.target.device.pk)
        except DATABASE_AWAY:
            # The outcome counts for more; the next push to this device removes it.
            log.warning("gone_device_was_kept", device_id=str(attempt.target.device.pk))


def _sum_up(
    notification: Notification, attempts: Sequence[Attempt], *, policy: RetryPolicy
) -> Outcome:
    repeatable = notification.delivery_guarantee == "at_least_once"
    settled = [*notification.reached_devices, *_settled_devices(attempts, repeatable=repeatable)]
    for attempt in attempts:
        if attempt.error is None:
            return _sent(notification, attempt, attempts, devices=settled)
    telling = min(attempts, key=_hopelessness)
    verdict = judge(
        telling.error,  # type: ignore[arg-type]  # none was reached, so each has an error
        policy=policy,
        retries=notification.retries,
        repeatable=repeatable,
    )
    return _failed(notification, telling, attempts, verdict=verdict, devices=settled)


def _settled_devices(attempts: Sequence[Attempt], *, repeatable: bool) -> list[str]:
    """Return the devices that a retry must leave alone.

    Those that took the message, and those that may have when it must not be repeated.
    """
    return [
        _device_id(attempt)
        for attempt in attempts
        if attempt.target.device is not None
        and (attempt.error is None or (isinstance(attempt.error, Uncertain) and not repeatable))
    ]


def _hopelessness(attempt: Attempt) -> int:
    """Order errors by how little a retry helps: it is worth it while one device may be reached."""
    order = (Transient, Misconfigured, Uncertain, Permanent)
    return next(rank for rank, kind in enumerate(order) if isinstance(attempt.error, kind))


def _sent(
    notification: Notification,
    first: Attempt,
    attempts: Sequence[Attempt],
    *,
    devices: Sequence[str],
) -> Outcome:
    return Outcome(
        id=notification.pk,
        fence=notification.fence,
        status=Status.SENT,
        provider=first.provider,
        provider_message_id=first.provider_message_id,
        detail=_detail(attempts),
        reached_devices=devices,
    )


def _failed(
    notification: Notification,
    telling: Attempt,
    attempts: Sequence[Attempt],
    *,
    verdict: Verdict,
    devices: Sequence[str],
) -> Outcome:
    error = telling.error
    return Outcome(
        id=notification.pk,
        fence=notification.fence,
        status=verdict.status,
        reason=verdict.reason,
        provider=telling.provider,
        error_code=error.code if error else "",
        error=error.message if error else "",
        detail=_detail(attempts),
        retry_in=verdict.retry_in,
        counts_as_retry=verdict.counts_as_retry,
        in_doubt=verdict.in_doubt,
        reached_devices=devices,
    )


def _refused(notification: Notification, refusal: Refusal) -> Outcome:
    return Outcome(
        id=notification.pk,
        fence=notification.fence,
        status=refusal.status,
        reason=refusal.reason,
        error_code=refusal.reason if refusal.status == Status.FAILED else "",
        error=refusal.error,
        detail={},
        reached_devices=notification.reached_devices,
    )


def _detail(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """What the timeline shows besides the status: providers tried, and each device's result."""
    detail: dict[str, Any] = {}
    if tried := [failure for attempt in attempts for failure in attempt.tried]:
        detail["tried"] = tried
    devices = {_device_id(each): each.error.code if each.error else "sent" for each in attempts}
    devices.pop("", None)
    if devices:
        detail["devices"] = devices
    return detail


def _device_id(attempt: Attempt) -> str:
    return str(attempt.target.device.pk) if attempt.target.device else ""
