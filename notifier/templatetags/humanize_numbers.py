"""How the admin's own pages write numbers: grouped, as percent, as durations."""

from django import template

from notifier.shown_values import NOTHING, describe_seconds

register = template.Library()


@register.filter
def with_spaces(number: int) -> str:
    """Return a whole number with thin spaces between its thousands."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@register.filter
def as_percent(share: float | None) -> str:
    """Return a share of one as percent; 100 % only where nothing is missing."""
    if share is None:
        return NOTHING
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.1f} %"


@register.filter
def as_duration(seconds: float | None) -> str:
    return NOTHING if seconds is None else describe_seconds(seconds)


@register.filter
def minus(number: int, other: int) -> int:
    return number - other


@register.filter
def add_number(number: float, other: float) -> float:
    return number + other
