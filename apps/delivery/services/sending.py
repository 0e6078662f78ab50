"""Handing one notification to the providers of its channel, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from apps.delivery.providers.contract import (
    EmailMessage,
    Misconfigured,
    NotHosted,
    Permanent,
    ProviderError,
    PushMessage,
    Transient,
)
from apps.delivery.retry import RetryPolicy
from apps.delivery.services.composing import Refusal, Target, fail
from apps.delivery.services.gates import Unavailable
from apps.delivery.services.outcomes import Attempt, judge_attempts, refuse
from apps.delivery.services.outlets import Outlet
from apps.notifications.models.claimed import ClaimedNotification
from apps.notifications.models.transitions import Outcome
from apps.users.services import remove_device
from notifier.addresses import mask_addresses, mask_token
from notifier.breaker import Permit
from notifier.faults import DATABASE_AWAY
from notifier.measurements import observe_call

log = structlog.get_logger(__name__)
Guard = Callable[[UUID], None]  # raises when the notification must not be sent now


def refuse_for_a_bug(notification: ClaimedNotification, error: Exception) -> Refusal:
    """Return the refusal of a notification that one of our own bugs stopped, and say so loudly.

    It ends as a dead letter with the error's name, and can be replayed once the bug is mended; its
    neighbours in the chunk go on.
    """
    log.error("delivery_bug", notification_id=str(notification.id), exc_info=error)
    return fail(reason="internal_error", error=type(error).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A claimed notification, composed: what to send, or why nothing is to be sent."""

    notification: ClaimedNotification
    content: list[Target] | Refusal

    def first_message(self) -> EmailMessage | PushMessage | None:
        return None if isinstance(self.content, Refusal) else self.content[0].message


def call_providers(
    parcel: Parcel,
    *,
    guard: Guard,
    outlets: Sequence[Outlet],
    following: Parcel | None = None,
) -> list[Attempt]:
    """Hand one composed notification over, one message after the other; none for a refusal.

    Raises nothing that a provider does. `guard` is asked before each provider call; what it raises
    goes through. `following` is what will probably be sent next. Needs no database: may run in any
    thread.
    """
    notification = parcel.notification
    if isinstance(parcel.content, Refusal):
        return []
    foreseen = _foresee(notification, following)
    return [_attempt(notification, target, outlets, guard, foreseen) for target in parcel.content]


def conclude(parcel: Parcel, attempts: Sequence[Attempt], *, policy: RetryPolicy) -> Outcome:
    """Return the outcome of the calls; forgets devices that are gone."""
    if isinstance(parcel.content, Refusal):
        return refuse(parcel.notification, parcel.content)
    for attempt in attempts:
        _forget_gone_device(attempt)
    return judge_attempts(parcel.notification, attempts, policy=policy)


def _foresee(
    notification: ClaimedNotification, following: Parcel | None
) -> EmailMessage | PushMessage | None:
    """What a test key sends goes another way."""
    if following is None or following.notification.mode != notification.mode:
        return None
    return following.first_message()


def _attempt(
    notification: ClaimedNotification,
    target: Target,
    outlets: Sequence[Outlet],
    guard: Guard,
    foreseen: EmailMessage | PushMessage | None,
) -> Attempt:
    """Try the providers in order, always from the first.

    One that takes no calls now, fails for the moment or is misconfigured moves on to the next. One
    that cannot send this message at all counts only where there is no other.
    """
    attempt = Attempt(target=target)
    unable: tuple[str, NotHosted] | None = None
    for outlet in outlets:
        permit: Permit | None = None
        try:
            with outlet.passing() as permit:
                guard(notification.id)
                with observe_call(channel=notification.channel, provider=outlet.name):
                    attempt.provider_message_id = outlet.send(target.message, foreseen)
        except Unavailable as held:
            attempt.held.append(held)
        except NotHosted as error:
            unable = (outlet.name, error)
        except ProviderError as error:
            is_trial = permit is not None and permit.is_trial
            _note_failure(attempt, outlet.name, error, is_trial=is_trial)
            if not isinstance(error, Transient | Misconfigured):
                break
        else:
            attempt.is_sent, attempt.provider, attempt.error = True, outlet.name, None
            break
    if unable and not (attempt.is_sent or attempt.tried or attempt.held):
        _note_failure(attempt, *unable, is_trial=False)
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
            remove_device(device_id=attempt.target.device.id)
        except DATABASE_AWAY:
            # The outcome counts for more; the next push to this device removes it.
            log.warning("gone_device_was_kept", device_id=str(attempt.target.device.id))
