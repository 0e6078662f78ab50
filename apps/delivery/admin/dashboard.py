"""The admin's first page: how the last 24 hours went, and what needs somebody now."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest
from django.utils import timezone

from apps.delivery.admin.breakers import warn_of_blindness
from apps.delivery.admin.chart import draw_chart
from apps.delivery.services.breakers import list_breakers
from apps.notifications.services.overview import (
    Waiting,
    count_failures,
    find_busy_organizations,
    measure_waiting,
    summarize_traffic,
)
from notifier.models import Organization
from notifier.organization_pages import seen_organization
from notifier.shown_values import describe_seconds

# The oldest due notification is worth a colour after so long.
LATE_SECONDS = 60

admin.site.index_template = "delivery/admin_dashboard.html"


def describe_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the page shows; unfold's DASHBOARD_CALLBACK.

    Whoever may not see notifications sees no numbers of them, and nobody but a superuser those of
    another organization.
    """
    context["title"] = "Overview"
    user: Any = request.user
    if user.has_perm("notifications.view_notification"):
        context |= _describe_traffic(request)
    if user.has_perm("delivery.view_circuitbreaker"):
        context |= _describe_breakers()
    return context


def _describe_traffic(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    chosen, offered, is_cut = _choose_organization(request)
    ids = [chosen.pk] if chosen else [each.pk for each in offered]
    scope: UUID | None = chosen.pk if chosen else None
    traffic = summarize_traffic(organization_ids=ids, now=now)
    waiting = measure_waiting(organization_id=scope, now=now)
    return {
        "traffic": traffic,
        "chart": draw_chart(traffic.hours),
        "waiting": [_describe_waiting(each, now) for each in waiting],
        "dead_letters": sum(each.dead_letters for each in waiting),
        "failures": count_failures(organization_id=scope, since=traffic.since),
        "chosen": chosen,
        "offered": offered,
        "is_cut": is_cut,
        "shown_at": now,
    }


def _choose_organization(
    request: HttpRequest,
) -> tuple[Organization | None, list[Organization], bool]:
    """Return the one to show (None: all that are offered), those to choose from, and if cut."""
    own = seen_organization(request)
    if own is not None:
        return Organization.objects.get(pk=own), [], False
    offered, is_cut = find_busy_organizations(now=timezone.now())
    slug = request.GET.get("organization", "")
    if slug:
        found = Organization.objects.filter(slug=slug).first()
        if found is None:
            raise Http404("no such organization")
        return found, offered, is_cut
    return (offered[0] if len(offered) == 1 else None), offered, is_cut


def _describe_waiting(waiting: Waiting, now: Any) -> dict[str, Any]:
    age = (now - waiting.oldest_due_at).total_seconds() if waiting.oldest_due_at else 0.0
    return {
        "channel": waiting.channel,
        "pending": waiting.pending,
        "scheduled": waiting.scheduled,
        "dead_letters": waiting.dead_letters,
        "oldest": describe_seconds(age) if waiting.oldest_due_at else "",
        "is_late": age > LATE_SECONDS,
    }


def _describe_breakers() -> dict[str, Any]:
    found = list_breakers()
    return {
        "breakers": [(breaker, view) for breaker, view in found],
        "open_breakers": sum(view.state != "closed" or view.is_paused for _, view in found),
        "breaker_warning": warn_of_blindness([view for _, view in found]),
    }
