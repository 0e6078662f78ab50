"""How the last 24 hours went, for the dashboard: over one organization or the busiest of all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.notifications.models import DeadLetter, Notification, Status
from apps.notifications.models.hourly_count import HourlyCount
from apps.notifications.services.statistics import COUNTED, HOUR, Counts, report_statistics
from notifier.models import Organization

HOURS = 24
# So many organizations are added up for who sees all; each costs a few queries.
MOST_ORGANIZATIONS = 20
# Pages that are left open ask again and again, of many operators at once.
CACHE_SECONDS = 10
# Reasons come from the newest so many, by their index.
LOOKED_AT = 5000
MOST_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What was accepted since `since`, and what came of it.

    `groups` are per channel and provider, with p95 and delivery rate (of several organizations
    the slowest's p95); `hours` has each hour once, the oldest first.
    """

    since: datetime
    totals: Counts
    groups: list[Counts]
    hours: list[Counts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is still to be sent in one channel; `scheduled` of them are not due yet."""

    channel: str
    pending: int
    scheduled: int
    oldest_due_at: datetime | None
    dead_letters: int


def find_busy_organizations(*, now: datetime) -> tuple[list[Organization], bool]:
    """Return the busiest organizations of the last day, and whether there are more.

    By the hours that are counted already: a count of the ledger would take seconds.
    """
    recent = Notification.objects.filter(
        organization=OuterRef("pk"), created_at__gte=_begin_of_day(now)
    )
    counted = HourlyCount.objects.filter(
        organization=OuterRef("pk"), hour__gte=_begin_of_day(now)
    ).values("organization")
    accepted = counted.annotate(total=Sum("accepted")).values("total")
    busy = Organization.objects.filter(Exists(recent)).order_by(
        Coalesce(Subquery(accepted), 0).desc(), "slug"
    )
    found = list(busy[: MOST_ORGANIZATIONS + 1])
    return found[:MOST_ORGANIZATIONS], len(found) > MOST_ORGANIZATIONS


def summarize_traffic(*, organization_ids: Sequence[UUID], now: datetime) -> Traffic:
    """Return the last 24 hours of these organizations, by the clock's hours."""
    since = _begin_of_day(now)
    reports = [_report_recently(each, since=since, now=now) for each in organization_ids]
    groups = _merge_groups([group for providers, _ in reports for group in providers])
    by_hour: dict[datetime, list[Counts]] = {}
    for _, hours in reports:
        for row in hours:
            by_hour.setdefault(row["hour"], []).append(row)
    moments = [since + HOUR * place for place in range(HOURS)]
    return Traffic(
        since=since,
        totals=_with_rate(_sum_counts(groups)),
        groups=groups,
        hours=[{"hour": hour, **_sum_counts(by_hour.get(hour, []))} for hour in moments],
    )


def measure_waiting(*, organization_id: UUID | None, now: datetime) -> list[Waiting]:
    """Return each channel's backlog and dead letters, of one organization or of all (None)."""
    pending = _within(Notification.objects.filter(status=Status.PENDING), organization_id)
    is_later = Q(due_at__gt=now + timedelta(seconds=1))
    waiting = pending.order_by().values("channel")
    counted = waiting.annotate(
        pending=Count("id"), scheduled=Count("id", filter=is_later), oldest=Min("due_at")
    )
    rows = {row["channel"]: row for row in counted}
    letters = _within(Notification.objects.dead_letters(), organization_id).order_by()
    counts = letters.values("channel").annotate(count=Count("id"))
    given_up = dict(counts.values_list("channel", "count"))
    return [
        _describe_waiting(channel, rows.get(channel), given_up.get(channel, 0), now)
        for channel in ("email", "push")
    ]


def count_failures(
    *, organization_id: UUID | None, since: datetime
) -> list[tuple[tuple[str, str], int]]:
    """Return the commonest reasons of the dead letters since then: (provider, code) and number."""
    rows = _within(DeadLetter.objects.filter(finished_at__gte=since), organization_id)
    newest = rows.order_by("-finished_at").values_list("provider", "error_code", "reason")
    reasons = Counter((provider, code or why) for provider, code, why in newest[:LOOKED_AT])
    return reasons.most_common(MOST_REASONS)


def _report_recently(
    organization_id: UUID, *, since: datetime, now: datetime
) -> tuple[list[Counts], list[Counts]]:
    key = f"overview:{organization_id}:{since.timestamp():.0f}"
    known: tuple[list[Counts], list[Counts]] | None = cache.get(key)
    if known is None:
        known = report_statistics(organization_id=organization_id, since=since, now=now)
        cache.set(key, known, timeout=CACHE_SECONDS)
    return known


def _merge_groups(groups: Sequence[Counts]) -> list[Counts]:
    """Add up the groups of several organizations; what waits for its first provider has none."""
    merged: dict[tuple[str, str], list[Counts]] = {}
    for group in groups:
        merged.setdefault((group["channel"], group["provider"]), []).append(group)
    return [
        {
            "channel": channel,
            "provider": provider,
            "p95": max((each["p95"] for each in same if each["p95"] is not None), default=None),
            **_with_rate(_sum_counts(same)),
        }
        for (channel, provider), same in sorted(merged.items())
    ]


def _sum_counts(rows: Sequence[Counts]) -> Counts:
    return {name: sum(row[name] for row in rows) for name in COUNTED}


def _with_rate(counts: Counts) -> Counts:
    finished = counts["sent"] + counts["failed"]
    return {**counts, "delivery_rate": counts["sent"] / finished if finished else None}


def _within(rows: QuerySet[Any], organization_id: UUID | None) -> QuerySet[Any]:
    return rows if organization_id is None else rows.filter(organization=organization_id)


def _describe_waiting(
    channel: str, row: dict[str, Any] | None, dead_letters: int, now: datetime
) -> Waiting:
    oldest = row["oldest"] if row else None
    return Waiting(
        channel=channel,
        pending=row["pending"] if row else 0,
        scheduled=row["scheduled"] if row else 0,
        oldest_due_at=oldest if oldest and oldest <= now else None,
        dead_letters=dead_letters,
    )


def _begin_of_day(now: datetime) -> datetime:
    """Return the full hour since which 24 clock hours, this one included, have begun."""
    return now.replace(minute=0, second=0, microsecond=0) - HOUR * (HOURS - 1)
