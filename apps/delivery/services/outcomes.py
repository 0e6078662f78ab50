"""From what providers answered to the outcome that the ledger records."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
)
from apps.delivery.retry import RetryPolicy, Verdict, judge, park
from apps.delivery.services.composing import Refusal, Target
from apps.delivery.services.gates import Unavailable
from apps.notifications.models import Status
from apps.notifications.models.claimed import ClaimedNotification
from apps.notifications.models.transitions import BREAKER_OPEN, Outcome


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One message handed to one provider after the other until one gave a final answer.

    Neither sent nor an error: every provider's breaker is open, or its rate used up (`held`).
    """

    target: Target
    is_sent: bool = False
    provider: str = ""
    provider_message_id: str = ""
    error: ProviderError | None = None
    only_trials: bool = True  # every call so far was the trial of a half-open breaker
    tried: list[dict[str, str]] = field(default_factory=list)
    held: list[Unavailable] = field(default_factory=list)


def judge_attempts(
    notification: ClaimedNotification, attempts: Sequence[Attempt], *, policy: RetryPolicy
) -> Outcome:
    """Sum up the attempts at all devices: sent when one took it, else what helps most."""
    repeatable = notification.delivery_guarantee == "at_least_once"
    settled = [*notification.reached_devices, *_settled_devices(attempts, repeatable=repeatable)]
    for attempt in attempts:
        if attempt.is_sent:
            return _sent(notification, attempt, attempts, devices=settled)
    telling = min(attempts, key=_hopelessness)
    verdict = _judge_attempt(
        telling, policy=policy, retries=notification.retries, repeatable=repeatable
    )
    return _failed(notification, telling, attempts, verdict=verdict, devices=settled)


def refuse(notification: ClaimedNotification, refusal: Refusal) -> Outcome:
    """Return the outcome of what is handed to no provider."""
    return Outcome(
        id=notification.id,
        fence=notification.fence,
        status=refusal.status,
        reason=refusal.reason,
        error_code=refusal.error_code,
        error=refusal.error,
        detail={},
        retry_in=refusal.retry_in,
        reached_devices=notification.reached_devices,
        uncount_attempt=refusal.status == Status.PENDING,
    )


def _judge_attempt(
    attempt: Attempt, *, policy: RetryPolicy, retries: int, repeatable: bool
) -> Verdict:
    earliest = min(attempt.held, key=lambda held: held.retry_after, default=None)
    if attempt.error is None and earliest is not None:
        return park(reason=earliest.reason, wait=earliest.queue_up())
    if isinstance(attempt.error, Transient) and attempt.only_trials:
        # We chose it to find out how the provider is: that is no reason to give it up sooner.
        wait = earliest.retry_after if earliest else settings.BREAKER_RESET_SECONDS
        return park(reason=BREAKER_OPEN, wait=min(wait, settings.BREAKER_RESET_SECONDS))
    verdict = judge(
        attempt.error,  # type: ignore[arg-type]  # neither sent nor held, so there is one
        policy=policy,
        retries=retries,
        repeatable=repeatable,
    )
    if isinstance(attempt.error, Misconfigured) and earliest is not None:
        return replace(verdict, retry_in=min(verdict.retry_in, earliest.retry_after))
    return verdict


def _settled_devices(attempts: Sequence[Attempt], *, repeatable: bool) -> list[str]:
    """Return the devices that a retry must leave alone.

    Those that took the message, and those that may have when it must not be repeated.
    """
    return [
        _device_id(attempt)
        for attempt in attempts
        if attempt.target.device is not None
        and (attempt.is_sent or (isinstance(attempt.error, Uncertain) and not repeatable))
    ]


def _hopelessness(attempt: Attempt) -> int:
    """Order errors by how little a retry helps: it is worth it while one device may be reached."""
    # None: every provider is held.
    order: list[type] = [Transient, type(None), Misconfigured, Uncertain, Permanent]
    return next(rank for rank, kind in enumerate(order) if isinstance(attempt.error, kind))


def _sent(
    notification: ClaimedNotification,
    first: Attempt,
    attempts: Sequence[Attempt],
    *,
    devices: Sequence[str],
) -> Outcome:
    return Outcome(
        id=notification.id,
        fence=notification.fence,
        status=Status.SENT,
        provider=first.provider,
        provider_message_id=first.provider_message_id,
        detail=_detail(attempts),
        reached_devices=devices,
    )


def _failed(
    notification: ClaimedNotification,
    telling: Attempt,
    attempts: Sequence[Attempt],
    *,
    verdict: Verdict,
    devices: Sequence[str],
) -> Outcome:
    error = telling.error
    return Outcome(
        id=notification.id,
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
        uncount_attempt=not any(attempt.tried for attempt in attempts),
    )


def _detail(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """What the timeline shows besides the status: providers tried, and each device's result."""
    detail: dict[str, Any] = {}
    if tried := [failure for attempt in attempts for failure in attempt.tried]:
        detail["tried"] = tried
    if held := {each.provider: each.reason for attempt in attempts for each in attempt.held}:
        detail["held"] = held
    devices = {_device_id(each): _describe_end(each) for each in attempts}
    devices.pop("", None)
    if devices:
        detail["devices"] = devices
    return detail


def _describe_end(attempt: Attempt) -> str:
    if attempt.is_sent:
        return "sent"
    return attempt.error.code if attempt.error else "held"


def _device_id(attempt: Attempt) -> str:
    return str(attempt.target.device.id) if attempt.target.device else ""
