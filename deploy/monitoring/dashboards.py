"""Grafana's dashboards, described once; `python -m deploy.monitoring.dashboards` writes JSON."""

import json
from pathlib import Path

from deploy.monitoring.grafana import Curve, Dashboard, Panel, build_dashboard

FOLDER = Path(__file__).parent / "dashboards"
WEB = '{job="notifier-web"}'


def _quantiles(histogram: str, *by: str, share: str = "0.95", legend: str = "p95") -> Curve:
    groups = ", ".join(("le", *by))
    rate = f"rate({histogram}_bucket[$__rate_interval])"
    return Curve(f"histogram_quantile({share}, sum by ({groups}) ({rate}))", legend)


def _rate(counter: str, *by: str, legend: str, matching: str = "") -> Curve:
    groups = f" by ({', '.join(by)})" if by else ""
    return Curve(f"sum{groups} (rate({counter}{matching}[$__rate_interval]))", legend)


def _latest(gauge: str, by: str) -> Curve:
    return Curve(f"max by ({by}) ({gauge})", f"{{{{{by}}}}}")


OLDEST = Panel(
    "Oldest due",
    "How late delivery is. More than a minute for long: see NotifierDeliveryLate.",
    "s",
    (_latest("notifier_oldest_due_seconds", "channel"),),
)
PENDING = Panel(
    "Pending",
    "What waits in the database, scheduled notifications included.",
    "short",
    (_latest("notifier_pending", "channel"),),
)
BREAKERS = Panel(
    "Breakers",
    "0 closed, 1 half open, 2 open: an open one leaves its provider alone.",
    "short",
    (_latest("notifier_breaker_state", "provider"),),
)
OUTCOMES = Panel(
    "Outcomes",
    "What became of notifications.",
    "reqps",
    (_rate("notifier_outcomes_total", "status", legend="{{status}}"),),
)
DEAD_LETTERS = Panel(
    "Dead letters",
    "Given up and neither replayed nor discarded.",
    "short",
    (_latest("notifier_dead_letters", "channel"),),
)
REQUESTS = Panel(
    "Requests",
    "Answers a second, by status.",
    "reqps",
    (_rate("notifier_http_requests_total", "status", legend="{{status}}"),),
)
ANSWER_TIME = Panel(
    "Time to answer",
    "Over all routes.",
    "s",
    (
        _quantiles("notifier_http_seconds", share="0.5", legend="p50"),
        _quantiles("notifier_http_seconds"),
        _quantiles("notifier_http_seconds", share="0.99", legend="p99"),
    ),
)
ACCEPT_TO_SENT = Panel(
    "Accept to sent",
    "From the answer 202 until a provider took it.",
    "s",
    (
        _quantiles("notifier_accept_to_sent_seconds", share="0.5", legend="p50"),
        _quantiles("notifier_accept_to_sent_seconds"),
    ),
)

OVERVIEW = Dashboard(
    "notifier-overview",
    "Notifier: overview",
    (
        Panel(
            "Web processes that answer",
            "Targets that Prometheus reaches.",
            "short",
            (Curve(f"sum(up{WEB})", "up"),),
            is_number=True,
        ),
        Panel(
            "Late by",
            "The oldest that is due, over all channels.",
            "s",
            (Curve("max(notifier_oldest_due_seconds)", "oldest due"),),
            is_number=True,
        ),
        Panel(
            "Open breakers",
            "Providers that are left alone.",
            "short",
            (Curve("count(notifier_breaker_state == 2) or vector(0)", "open"),),
            is_number=True,
        ),
        Panel(
            "Accepted",
            "Notifications answered with 202.",
            "reqps",
            (_rate("notifier_accepted_total", "channel", legend="{{channel}}"),),
        ),
        OUTCOMES,
        ACCEPT_TO_SENT,
        OLDEST,
        PENDING,
        DEAD_LETTERS,
        REQUESTS,
        ANSWER_TIME,
        BREAKERS,
    ),
)
DELIVERY = Dashboard(
    "notifier-delivery",
    "Notifier: delivery",
    (
        OLDEST,
        PENDING,
        Panel(
            "Queues",
            "Messages in the broker. failed.queue should be empty; full is 10,000 "
            "(notification_status: 50,000).",
            "short",
            (_latest("notifier_queue_depth", "queue"),),
        ),
        Panel(
            "Published by the relay",
            "Notifications a second; none while something is due means trouble.",
            "reqps",
            (_rate("notifier_relay_published_total", legend="notifications"),),
        ),
        Panel(
            "Attempts",
            "Calls of providers by result.",
            "reqps",
            (
                _rate(
                    "notifier_attempts_total",
                    "provider",
                    "result",
                    legend="{{provider}} {{result}}",
                ),
            ),
        ),
        Panel(
            "Provider's time",
            "How long calls take.",
            "s",
            (_quantiles("notifier_provider_seconds", "provider", legend="{{provider}} p95"),),
        ),
        OUTCOMES,
        ACCEPT_TO_SENT,
        Panel(
            "In doubt",
            "Attempts of which nobody knows whether the provider took them.",
            "short",
            (
                Curve(
                    "sum by (channel) (increase(notifier_in_doubt_total[$__rate_interval]))",
                    "{{channel}}",
                ),
            ),
        ),
        BREAKERS,
        DEAD_LETTERS,
    ),
)
API = Dashboard(
    "notifier-api",
    "Notifier: API and cache",
    (
        REQUESTS,
        Panel(
            "Requests by route",
            "Answers a second.",
            "reqps",
            (_rate("notifier_http_requests_total", "route", legend="{{route}}"),),
        ),
        Panel(
            "Server errors",
            "Share of answers that are 5xx.",
            "percentunit",
            (
                Curve(
                    'sum(rate(notifier_http_requests_total{status=~"5.."}[$__rate_interval])) '
                    "/ sum(rate(notifier_http_requests_total[$__rate_interval]))",
                    "5xx",
                ),
            ),
        ),
        ANSWER_TIME,
        Panel(
            "Slowest routes",
            "p95 of the ten slowest.",
            "s",
            (
                Curve(
                    "topk(10, " + _quantiles("notifier_http_seconds", "route").expression + ")",
                    "{{route}}",
                ),
            ),
        ),
        Panel(
            "Cache hits",
            "Share of reads that the cache answers.",
            "percentunit",
            (
                Curve(
                    "sum by (kind) (rate(notifier_cache_hits_total[$__rate_interval])) / "
                    "(sum by (kind) (rate(notifier_cache_hits_total[$__rate_interval])) + "
                    "sum by (kind) (rate(notifier_cache_misses_total[$__rate_interval])))",
                    "{{kind}}",
                ),
            ),
        ),
    ),
)
DASHBOARDS = (OVERVIEW, DELIVERY, API)


def write_dashboards(folder: Path) -> None:
    for dashboard in DASHBOARDS:
        text = json.dumps(build_dashboard(dashboard), indent=2) + "\n"
        (folder / f"{dashboard.uid}.json").write_text(text)


if __name__ == "__main__":
    write_dashboards(FOLDER)
