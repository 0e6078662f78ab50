"""Handing one notification to the providers of its channel, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from apps.delivery.providers.contract import (
    Permanent,
    ProviderError,
    Transient,
)
from apps.delivery.retry import RetryPolicy, Verdict, judge
from apps.delivery.services.composing import Refusal, Target, compose
from apps.delivery.services.outlets import Outlet, outlets_for
from apps.notifications.models import Notification, Status
from apps.notifications.models.transitions import Outcome
from apps.users.services import remove_device

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One message handed to one provider after the other until one gave a final answer."""

    target: Target
    provider: str = ""
    provider_message_id: str = ""
    error: ProviderError | None = None
    tried: list[dict[str, str]] = field(default_factory=list)


def send_notification(
    notification: Notification, *, policy: RetryPolicy, now: datetime
) -> Outcome:
    """Send one claimed notification and return its outcome; raises nothing a provider does."""
    composed = compose(notification, now=now)
    if isinstance(composed, Refusal):
        return _refused(notification, composed)
    outlets = outlets_for(channel=notification.channel, mode=notification.mode)  # type: ignore[arg-type]  # the model's choices are the channels
    attempts = [_attempt(target, outlets) for target in composed]
    for attempt in attempts:
        _forget_gone_device(attempt)
    return _sum_up(notification, attempts, policy=policy)


def _attempt(target: Target, outlets: Sequence[Outlet]) -> Attempt:
    """Try the providers in order; only a transient failure moves on to the next one."""
    attempt = Attempt(target=target)
    for outlet in outlets:
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
        remove_device(device_id=attempt.target.device.pk)


def _sum_up(
    notification: Notification, attempts: Sequence[Attempt], *, policy: RetryPolicy
) -> Outcome:
    reached = [attempt for attempt in attempts if attempt.error is None]
    devices = [*notification.reached_devices, *(_device_id(each) for each in reached)]
    if reached:
        return _sent(
            notification, reached[0], attempts, devices=[each for each in devices if each]
        )
    worst = min(attempts, key=_hopelessness)
    verdict = judge(
        worst.error,  # type: ignore[arg-type]  # none was reached, so each has an error
        policy=policy,
        retries=notification.retries,
        repeatable=notification.delivery_guarantee == "at_least_once",
    )
    return _failed(notification, worst, attempts, verdict=verdict)


def _hopelessness(attempt: Attempt) -> int:
    """A retry is worth it as long as one device may still be reached: permanent errors last."""
    return int(isinstance(attempt.error, Permanent))


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
    notification: Notification, worst: Attempt, attempts: Sequence[Attempt], *, verdict: Verdict
) -> Outcome:
    error = worst.error
    return Outcome(
        id=notification.pk,
        fence=notification.fence,
        status=verdict.status,
        reason=verdict.reason,
        provider=worst.provider,
        error_code=error.code if error else "",
        error=error.message if error else "",
        detail=_detail(attempts),
        retry_in=verdict.retry_in,
        counts_as_retry=verdict.counts_as_retry,
        in_doubt=verdict.in_doubt,
        reached_devices=notification.reached_devices,
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
