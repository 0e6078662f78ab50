"""Writing the demo's past into the ledger: notifications, events, a batch, suppressions."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from apps.notifications.models import (
    FINAL_STATUSES,
    Batch,
    Cause,
    Notification,
    NotificationEvent,
    Status,
    Suppression,
)
from apps.notifications.models.suppression import SCOPE_OF_CAUSE
from apps.notifications.services.demo_people import PEOPLE
from apps.notifications.services.demo_story import (
    BATCH_CODE,
    BATCH_HOURS,
    BATCH_PLOTS,
    PLOTS,
    Plot,
    Step,
)
from apps.templates.models import TemplateVersion
from apps.templates.services import find_published
from apps.users.models import User, email_key, index_email
from notifier.errors import NotFound

BATCH_REQUEST: Final = "demo-newsletter"
RECENT_HOURS: Final = 24.0
SHARE_OF_RECENT: Final = 0.3
_PHONE_OWNERS: Final = frozenset(each.email for each in PEOPLE if each.push_token)
_USES_UP_A_RETRY: Final = frozenset({"retry", "in_doubt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all of the demo's notifications share; `versions` by template and language."""

    organization_id: UUID
    people: Sequence[User]
    versions: Mapping[tuple[str, str], TemplateVersion]
    batch: Batch
    now: datetime
    chance: random.Random

    def plays(self, plot: Plot) -> bool:
        """Is the plot's template still published? An operator may have taken it away."""
        return (plot.template_code, "en") in self.versions


def ensure_history(*, organization_id: UUID, people: Sequence[User], now: datetime) -> None:
    """Store the two weeks before `now`, unless they have been stored before."""
    mine = Batch.objects.filter(organization_id=organization_id)
    if mine.filter(request_id=BATCH_REQUEST).exists():
        return
    stage = Stage(
        organization_id=organization_id,
        people=people,
        versions=_find_versions(organization_id),
        batch=_store_batch(organization_id, now=now),
        now=now,
        chance=random.Random(BATCH_REQUEST),  # noqa: S311  # the same story every time
    )
    told = list(_tell_all(stage))
    Notification.objects.bulk_create([row for row, _ in told])
    NotificationEvent.objects.bulk_create([event for _, events in told for event in events])
    _suppress_reported(organization_id)


def _find_versions(organization_id: UUID) -> dict[tuple[str, str], TemplateVersion]:
    found = {}
    for code in {plot.template_code for plot in (*PLOTS, *BATCH_PLOTS)}:
        for language in {each.language for each in PEOPLE}:
            try:
                found[code, language] = find_published(
                    organization_id=organization_id, code=code, language=language
                )
            except NotFound:
                continue
    return found


def _store_batch(organization_id: UUID, *, now: datetime) -> Batch:
    batch = Batch.objects.create(
        organization_id=organization_id, channel="email", request_id=BATCH_REQUEST
    )
    batch.created_at = now - timedelta(hours=BATCH_HOURS)  # `create` sets its own
    count = sum(plot.count for plot in BATCH_PLOTS)
    about = {"accepted": count, "replayed": 0, "skipped": 0, "rejected": []}
    batch.answer = {"batch_id": str(batch.pk), **about}
    batch.save()
    return batch


def _tell_all(stage: Stage) -> Iterator[tuple[Notification, list[NotificationEvent]]]:
    for plot in filter(stage.plays, (*PLOTS, *BATCH_PLOTS)):
        for number in range(1, plot.count + 1):
            row = _describe_row(plot, number, stage)
            yield row, _play(row, plot.steps)


def _describe_row(plot: Plot, number: int, stage: Stage) -> Notification:
    user = _choose_user(plot, stage)
    version = stage.versions[plot.template_code, user.language if user else "en"]
    is_letter = plot.template_code == BATCH_CODE
    address = (user.email if user else _make_address(plot, number)) * (plot.channel == "email")
    return Notification(
        organization_id=stage.organization_id,
        batch=stage.batch if is_letter else None,
        channel=plot.channel,
        priority=plot.priority,
        correlation_id=f"demo-{stage.chance.randrange(16**12):012x}",
        user=user,
        recipient=address,
        recipient_index=index_email(address) if address else "",
        template_version=version,
        template_code=plot.template_code,
        language=version.language,
        variables=_choose_variables(version, user, stage.chance),
        created_at=stage.batch.created_at if is_letter else _choose_moment(plot, stage),
    )


def _choose_moment(plot: Plot, stage: Stage) -> datetime:
    """The last day, which the admin's overview shows, has more than its share."""
    is_recent = plot.youngest_hours < RECENT_HOURS and stage.chance.random() < SHARE_OF_RECENT
    oldest = min(RECENT_HOURS, plot.oldest_hours) if is_recent else plot.oldest_hours
    return stage.now - timedelta(hours=stage.chance.uniform(plot.youngest_hours, oldest))


def _choose_user(plot: Plot, stage: Stage) -> User | None:
    if plot.people:
        address = f"{plot.people}@example.org"
        return next((each for each in stage.people if each.email == address), None)
    is_push = plot.channel == "push"
    fitting = [each for each in stage.people if not is_push or each.email in _PHONE_OWNERS]
    return stage.chance.choice(fitting)


def _make_address(plot: Plot, number: int) -> str:
    return f"{plot.people}-{number}@example.org"


def _choose_variables(
    version: TemplateVersion, user: User | None, chance: random.Random
) -> dict[str, Any]:
    name = user.name.partition(" ")[0] if user else "Reader"
    chosen = {"name": name, "order": str(chance.randrange(1000, 9999))}
    return {key: chosen.get(key, value) for key, value in version.sample_variables.items()}


def _play(row: Notification, steps: Iterable[Step]) -> list[NotificationEvent]:
    """Take the row through its steps, and return an event for each."""
    at = row.created_at
    events = []
    for step in steps:
        at += timedelta(seconds=step.after)
        _move(row, step, at)
        events.append(_note(row, step, at))
        at += timedelta(seconds=step.wait)
    return events


def _move(row: Notification, step: Step, at: datetime) -> None:
    """Change the row as the product would have; what is no status is an event alone."""
    if step.status not in Status:
        return
    row.status, row.reason = step.status, step.reason
    row.error_code, row.error = step.error_code, step.error
    row.detail = _describe_detail(row, step)
    if step.reason != "receipt":
        row.provider = _name_provider(row.channel) if _was_called(step) else ""
    if step.status == Status.SENDING:
        row.attempts, row.fence = row.attempts + 1, row.fence + 1
    elif step.status == Status.PENDING:
        _move_back(row, step, at)
    elif step.status in FINAL_STATUSES:
        _finish(row, step, at)


def _move_back(row: Notification, step: Step, at: datetime) -> None:
    row.due_at, row.finished_at, row.dead_lettered_at = (
        at + timedelta(seconds=step.wait),
        None,
        None,
    )
    row.retries = 0 if step.reason == "replay" else row.retries
    row.retries += step.reason in _USES_UP_A_RETRY
    row.doubts += step.reason == "in_doubt"
    row.attempts -= step.reason == "breaker_open"  # nobody was called


def _finish(row: Notification, step: Step, at: datetime) -> None:
    row.finished_at = row.finished_at or at
    if step.status == Status.SENT:
        row.sent_at = at
        row.provider_message_id = f"captured-{row.pk}-{row.attempts}"
    if step.status == Status.FAILED:
        row.dead_lettered_at = row.dead_lettered_at or at
        row.discarded_at = at if step.reason == "discarded" else None


def _was_called(step: Step) -> bool:
    return step.status == Status.SENT or (bool(step.error_code) and step.reason != "receipt")


def _describe_detail(row: Notification, step: Step) -> dict[str, Any]:
    if step.detail or not step.error_code or step.reason == "receipt":
        return step.detail
    provider = _name_provider(row.channel)
    return {"tried": [{"provider": provider, "error_code": step.error_code, "error": step.error}]}


def _name_provider(channel: str) -> str:
    """Return the provider that would have sent it here."""
    urls = settings.EMAIL_PROVIDER_URLS if channel == "email" else settings.PUSH_PROVIDER_URLS
    return str(urls[0].name)


def _note(row: Notification, step: Step, at: datetime) -> NotificationEvent:
    return NotificationEvent(
        notification=row,
        at=at,
        status=step.status,
        attempt=row.attempts,
        provider=row.provider,
        error_code=step.error_code,
        error=step.error,
        reason=step.reason,
        due_at=row.due_at if step.status == Status.PENDING else None,
        detail=_describe_detail(row, step),
    )


def _suppress_reported(organization_id: UUID) -> None:
    Suppression.objects.bulk_create(
        [
            Suppression(
                organization_id=organization_id,
                channel=plot.channel,
                address=email_key(_make_address(plot, number)),
                address_index=index_email(_make_address(plot, number)),
                cause=plot.suppresses,
                scope=SCOPE_OF_CAUSE[Cause(plot.suppresses)],
                source=_name_provider(plot.channel),
            )
            for plot in (*PLOTS, *BATCH_PLOTS)
            if plot.suppresses
            for number in range(1, plot.count + 1)
        ],
        ignore_conflicts=True,
    )
