"""Handing one notification to the providers of its channel, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from apps.delivery.providers.contract import (
    EmailMessage,
    Misconfigured,
    Permanent,
    ProviderError,
    PushMessage,
    Transient,
    Uncertain,
)
from apps.delivery.retry import RetryPolicy, Verdict, judge, park
from apps.delivery.services.composing import Refusal, Target
from apps.delivery.services.gates import Unavailable
from apps.delivery.services.outlets import Outlet, outlets_for
from apps.notifications.models import Notification, Status
from apps.notifications.models.transitions import BREAKER_OPEN, Outcome
from apps.users.services import remove_device
from notifier.addresses import mask_addresses, mask_token
from notifier.breaker import Permit
from notifier.faults import DATABASE_AWAY

log = structlog.get_logger(__name__)
Guard = Callable[[UUID], None]  # raises when the notification must not be sent now


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


def refuse_for_a_bug(notification: Notification, error: Exception) -> Refusal:
    """Return the refusal of a notification that one of our own bugs stopped, and say so loudly.

    It ends as a dead letter with the error's name, and can be replayed once the bug is mended; its
    neighbours in the chunk go on.
    """
    log.error("delivery_bug", notification_id=str(notification.pk), exc_info=error)
    return Refusal(status=Status.FAILED, reason="internal_error", error=type(error).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A claimed notification, composed: what to send, or why nothing is to be sent."""

    notification: Notification
    content: list[Target] | Refusal

    def first_message(self) -> EmailMessage | PushMessage | None:
        return None if isinstance(self.content, Refusal) else self.content[0].message


def send_parcel(
    parcel: Parcel, *, guard: Guard, policy: RetryPolicy, following: Parcel | None = None
) -> Outcome:
    """Send one composed notification and return its outcome; raises nothing a provider does.

    `guard` is asked before each provider call; what it raises goes through. `following` is what
    will probably be sent next.
    """
    notification = parcel.notification
    if isinstance(parcel.content, Refusal):
        return _refused(notification, parcel.content)
    outlets = outlets_for(channel=notification.channel, mode=notification.mode)  # type: ignore[arg-type]  # the model's choices are the channels
    foreseen = _foresee(notification, following)
    attempts = [
        _attempt(notification, target, outlets, guard, foreseen) for target in parcel.content
    ]
    for attempt in attempts:
        _forget_gone_device(attempt)
    return _sum_up(notification, attempts, policy=policy)


def _foresee(
    notification: Notification, following: Parcel | None
) -> EmailMessage | PushMessage | None:
    """What a test key sends goes another way."""
    if following is None or following.notification.mode != notification.mode:
        return None
    return following.first_message()


def _attempt(
    notification: Notification,
    target: Target,
    outlets: Sequence[Outlet],
    guard: Guard,
    foreseen: EmailMessage | PushMessage | None,
) -> Attempt:
    """Try the providers in order, always from the first.

    One that takes no calls now, fails for the moment or is misconfigured moves on to the next.
    """
    attempt = Attempt(target=target)
    for outlet in outlets:
        permit: Permit | None = None
        try:
            with outlet.passing() as permit:
                guard(notification.pk)
                attempt.provider_message_id = outlet.send(target.message, foreseen)
        except Unavailable as held:
            attempt.held.append(held)
        except ProviderError as error:
            is_trial = permit is not None and permit.is_trial
            _note_failure(attempt, outlet.name, error, is_trial=is_trial)
            if not isinstance(error, Transient | Misconfigured):
                break
        else:
            attempt.is_sent, attempt.provider, attempt.error = True, outlet.name, None
            break
    return attempt


def _note_failure(
    attempt: Attempt, provider: str, error: ProviderError, *, is_trial: bool
) -> None:
    """Keep the last error; but what may pass by itself says more than what waits for somebody."""
    error.message = _mask_contact(error.message, attempt.target)
    attempt.tried.append(_describe_failure(provider, error))
    attempt.only_trials = attempt.only_trials and is_trial
    if isinstance(attempt.error, Transient) and isinstance(error, Misconfigured):
        return
    attempt.provider, attempt.error = provider, error


def _mask_contact(words: str, target: Target) -> str:
    """Providers quote whom they refuse; the ledger keeps their words unencrypted."""
    message = target.message
    if isinstance(message, PushMessage):
        words = words.replace(message.token, mask_token(message.token))
    return mask_addresses(words)


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
        if attempt.is_sent:
            return _sent(notification, attempt, attempts, devices=settled)
    telling = min(attempts, key=_hopelessness)
    verdict = _judge_attempt(
        telling, policy=policy, retries=notification.retries, repeatable=repeatable
    )
    return _failed(notification, telling, attempts, verdict=verdict, devices=settled)


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
        uncount_attempt=not any(attempt.tried for attempt in attempts),
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
    return str(attempt.target.device.pk) if attempt.target.device else ""
