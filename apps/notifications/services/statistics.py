"""Statistics: settled hours are counted once and kept, the others are counted when asked for.

So that every answer is what a count of the ledger would give, whatever message was lost, and
stays quick however much was sent in the hours before.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import TruncHour

from apps.notifications.models import FINAL_STATUSES, Notification, Status
from apps.notifications.models.hourly_count import (
    HourlyCount,
    lock_counts,
    replace_counts,
    try_lock_counts,
)
from notifier.models import Organization

HOUR = timedelta(hours=1)
# GET /stats looks back so far; older hours are nobody's question.
KEPT = timedelta(days=8)
# Counted again each time, whatever is known: mends what a process left when it died in between.
RECOUNTED = timedelta(hours=6)
# What is accepted just before the full hour may be committed, by another clock, after it.
GRACE = timedelta(minutes=5)
# One statement counts at most so much, so that it ends in time and nobody waits long for it.
LONGEST_COUNT = HOUR
# Percentiles come from the newest so many: exact enough, and bounded however much was sent.
SAMPLE = 10_000
COUNTED = ("accepted", "sent", "delivered", "failed")
COUNTS = {
    "accepted": Count("id"),
    "sent": Count("id", filter=Q(sent_at__isnull=False)),
    "delivered": Count("id", filter=Q(status=Status.DELIVERED)),
    "failed": Count("id", filter=Q(status__in=[Status.FAILED, Status.BOUNCED])),
}
_UNFINISHED = Count("id", filter=~Q(status__in=FINAL_STATUSES))
Counts = dict[str, Any]  # hour, channel, provider and COUNTED


def report_statistics(
    *, organization_id: UUID, since: datetime, now: datetime
) -> tuple[list[Counts], list[Counts]]:
    """Return what was accepted since then: per channel and provider, and per hour and channel.

    The former with the delivery rate (of what is finished) and accept-to-sent percentiles.
    """
    counted = read_hours(organization_id=organization_id, since=since, now=now)
    rows = Notification.objects.in_organization(organization_id).filter(created_at__gte=since)
    providers = [_with_durations(group, rows) for group in add_up(counted, "channel", "provider")]
    return providers, add_up(counted, "hour", "channel")


def read_hours(*, organization_id: UUID, since: datetime, now: datetime) -> list[Counts]:
    """Return the counts of each hour, channel and provider; the first hour from `since` on."""
    kept = HourlyCount.objects.filter(
        organization=organization_id, hour__gte=since, hour__lt=_hour_of(now)
    ).values("hour", "channel", "provider", *COUNTED)
    found = [dict(row) for row in kept]
    settled = {row["hour"] for row in found}
    for begin, end in _gaps(settled, since=since, until=now + HOUR):
        found += _count_ledger(organization_id, begin, end)
    return found


def add_up(rows: Iterable[Counts], *names: str) -> list[Counts]:
    """Return the sums of the counts for each combination of the named columns, in their order."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(COUNTED))
    for row in rows:
        key = tuple(row[name] for name in names)
        sums[key] = [have + row[name] for have, name in zip(sums[key], COUNTED, strict=True)]
    return [
        {**dict(zip(names, key, strict=True)), **dict(zip(COUNTED, sums[key], strict=True))}
        for key in sorted(sums)
    ]


def forget_hours(*, ids: Sequence[UUID], now: datetime | None = None) -> None:
    """Take away the counts of the hours of notifications that changed: they are counted again.

    With `now` the present hour is left out, which nobody can have counted yet.
    """
    touched: dict[UUID, set[datetime]] = defaultdict(set)
    rows = Notification.objects.filter(pk__in=ids)
    if now is not None:
        rows = rows.filter(created_at__lt=_hour_of(now))
    for organization_id, created_at in rows.values_list("organization_id", "created_at"):
        touched[organization_id].add(_hour_of(created_at))
    for organization_id, hours in sorted(touched.items()):
        with transaction.atomic():
            lock_counts(organization_id)
            replace_counts(organization_id, sorted(hours), [])


def keep_statistics(*, now: datetime) -> int:
    """Count what is settled and not kept yet, and the last hours again; return the hours counted.

    Hours with a notification that is still under way are left for later. Safe to repeat, and for
    two at once.
    """
    HourlyCount.objects.filter(hour__lt=now - KEPT - HOUR).delete()
    recent = Notification.objects.filter(
        organization=OuterRef("pk"), created_at__gte=_hour_of(now - KEPT)
    )
    busy = Organization.objects.filter(Exists(recent)).order_by("pk")
    return sum(_keep_of_organization(each, now) for each in busy.values_list("pk", flat=True))


def _keep_of_organization(organization_id: UUID, now: datetime) -> int:
    end = _hour_of(now - GRACE)
    kept = HourlyCount.objects.filter(organization=organization_id, hour__lt=end - RECOUNTED)
    settled = set(kept.values_list("hour", flat=True).distinct())
    return sum(
        _keep_hours(organization_id, begin, min(begin + LONGEST_COUNT, stop))
        for first, stop in _gaps(settled, since=_hour_of(now - KEPT), until=end)
        for begin in _steps(first, stop)
    )


def _keep_hours(organization_id: UUID, begin: datetime, end: datetime) -> int:
    with transaction.atomic():
        if not try_lock_counts(organization_id):
            return 0  # the next run counts it; nobody waits for a count behind another
        rows = _count_ledger(organization_id, begin, end)
        open_hours = {row["hour"] for row in rows if row["unfinished"]}
        settled = [row for row in rows if row["hour"] not in open_hours]
        hours = sorted({row["hour"] for row in rows})
        replace_counts(
            organization_id, hours, [_as_model(organization_id, row) for row in settled]
        )
    return len({row["hour"] for row in settled})


def _as_model(organization_id: UUID, row: Counts) -> HourlyCount:
    fields = {name: row[name] for name in ("hour", "channel", "provider", *COUNTED)}
    return HourlyCount(organization_id=organization_id, **fields)


def _count_ledger(organization_id: UUID, begin: datetime, end: datetime) -> list[Counts]:
    rows = Notification.objects.in_organization(organization_id).filter(
        created_at__gte=begin, created_at__lt=end
    )
    hours = rows.order_by().annotate(hour=TruncHour("created_at", tzinfo=UTC))
    groups = hours.values("hour", "channel", "provider")
    return [dict(group) for group in groups.annotate(**COUNTS, unfinished=_UNFINISHED)]


def _gaps(
    settled: set[datetime], *, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the stretches of time between settled hours: each is one query."""
    begin = since
    for hour in sorted(settled):
        if begin < hour:
            yield begin, hour
        begin = max(begin, hour + HOUR)
    if begin < until:
        yield begin, until


def _steps(first: datetime, stop: datetime) -> list[datetime]:
    return [first + LONGEST_COUNT * number for number in range(-((first - stop) // LONGEST_COUNT))]


def _with_durations(group: Counts, rows: QuerySet[Notification, Notification]) -> Counts:
    sent = rows.filter(sent_at__isnull=False, channel=group["channel"], provider=group["provider"])
    times = sent.order_by("-created_at").values_list("created_at", "sent_at")[:SAMPLE]
    p50, p95 = _percentiles((done - begun).total_seconds() for begun, done in times if done)
    finished = group["sent"] + group["failed"]
    rate = group["sent"] / finished if finished else None
    return {**group, "p50": p50, "p95": p95, "delivery_rate": rate}


def _percentiles(seconds: Iterable[float]) -> tuple[float | None, float | None]:
    values = sorted(seconds)
    if not values:
        return None, None
    cuts = quantiles(values, n=20) if len(values) > 1 else [values[0]] * 19
    return cuts[9], cuts[18]


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
