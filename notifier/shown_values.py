"""How the admin's pages write times, durations, ids and JSON, so that a person can read them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil

NOTHING = "\N{EN DASH}"
LONGEST_VALUE = 500


def show_time(at: datetime | None, *, now: datetime | None = None) -> SafeString | str:
    """Return a time as its distance from now; the time itself shows when pointed at."""
    if at is None:
        return NOTHING
    exact = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    words = describe_distance(at, now=now or timezone.now())
    return format_html(
        '<time class="n-time" datetime="{}" title="{}">{}</time>', at.isoformat(), exact, words
    )


def show_exact_time(at: datetime | None) -> SafeString | str:
    """Return a time to the second, with its distance from now beside it."""
    if at is None:
        return NOTHING
    words = describe_distance(at, now=timezone.now())
    exact = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return format_html(
        '<time class="n-time" datetime="{}">{} <small>{}</small></time>',
        at.isoformat(),
        exact,
        words,
    )


def describe_distance(at: datetime, *, now: datetime) -> str:
    """Return how long ago or in how long, in its largest unit."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    if abs(seconds) < 60:
        words = f"{abs(seconds):.0f} s"
    else:
        words = timesince(at, now, depth=1) if seconds > 0 else timeuntil(at, now, depth=1)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def describe_seconds(seconds: float) -> str:
    """Return a duration in the two units that matter: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"
    whole = round(seconds)
    units = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min")]
    parts = [f"{count} {unit}" for count, unit in [*units, (whole % 60, "s")] if count]
    return " ".join(parts[:2]) or "0 s"


def shorten_id(text: str) -> str:
    """Return as much of a long id as tells it from its neighbours: the end, for a UUIDv7."""
    return text if len(text) <= 13 else f"…{text[-8:]}"


def show_id(text: str) -> SafeString | str:
    """Return a short form of an id that shows the whole one when pointed at."""
    if not text:
        return NOTHING
    return format_html('<code class="n-id" title="{}">{}</code>', text, shorten_id(text))


def show_table(values: Mapping[str, Any]) -> SafeString | str:
    """Return a JSON object as a table of two columns; nested values stay JSON."""
    if not values:
        return NOTHING
    rows = [(name, _show_value(value)) for name, value in values.items()]
    return format_html(
        '<table class="n-facts">{}</table>',
        format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows),
    )


def _show_value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
