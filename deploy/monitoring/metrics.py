"""The metrics that rules and dashboards may use: what the product promises, and nothing else."""

from collections.abc import Mapping

CHANNEL = frozenset({"channel"})
PROVIDER = frozenset({"provider"})

# Name to labels. A histogram stands here by its own name.
METRICS: Mapping[str, frozenset[str]] = {
    "notifier_accepted_total": CHANNEL,
    "notifier_outcomes_total": frozenset({"channel", "provider", "status"}),
    "notifier_attempts_total": frozenset({"channel", "provider", "result"}),
    "notifier_accept_to_sent_seconds": frozenset(),
    "notifier_provider_seconds": PROVIDER,
    "notifier_pending": CHANNEL,
    "notifier_oldest_due_seconds": CHANNEL,
    "notifier_queue_depth": frozenset({"queue"}),
    "notifier_breaker_state": PROVIDER,
    "notifier_dead_letters": CHANNEL,
    "notifier_in_doubt_total": CHANNEL,
    "notifier_relay_published_total": frozenset(),
    "notifier_cache_hits_total": frozenset({"kind"}),
    "notifier_cache_misses_total": frozenset({"kind"}),
    "notifier_http_requests_total": frozenset({"route", "method", "status"}),
    "notifier_http_seconds": frozenset({"route"}),
}
HISTOGRAMS = frozenset(
    {"notifier_accept_to_sent_seconds", "notifier_provider_seconds", "notifier_http_seconds"}
)
# What Prometheus itself adds.
SYNTHETIC = frozenset({"up"})
TARGET_LABELS = frozenset({"job", "instance", "namespace", "pod", "le"})


def list_series() -> frozenset[str]:
    """Return the names as they are stored: a histogram is three series."""
    parts = {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "count", "sum")}
    return frozenset(METRICS.keys() - HISTOGRAMS | parts | SYNTHETIC)
