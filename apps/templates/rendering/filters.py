"""The filters that authors may use, metered, with errors that hide the values they failed on."""

import datetime as dt
import re
from collections.abc import Callable

from liquid.builtin.filters import array, math, misc, string
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.filter import with_context

from apps.templates.rendering.metering import MissingValue, SandboxContext, note_missing

Filter = Callable[..., object]

_MAX_BITS = 256
_DATE_FORMAT = re.compile(r"(?:[^%]|%-?[aAbBdHIjmMpSuVyY]|%%){1,64}")


def format_date(value: object, template: object = "%Y-%m-%d") -> str:
    """Write an ISO 8601 date or time, or Unix seconds (shown in UTC), with a strftime pattern.

    Liquid's own filter guesses at dates, reads the server's clock for "now", and passes any
    pattern to the C library. Raises ValueError for what is not a date.
    """
    if not isinstance(template, str) or not _DATE_FORMAT.fullmatch(template):
        raise ValueError("not a date pattern")
    return _read_time(value).strftime(str(template))


def _read_time(value: object) -> dt.datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return dt.datetime.fromtimestamp(value, tz=dt.UTC)
    return dt.datetime.fromisoformat(str(value))


def meter_filter(name: str, function: Filter) -> Filter:
    """Wrap a filter: charge it, note missing input, translate every failure, bound numbers."""
    takes_environment = getattr(function, "with_environment", False)

    def apply(value: object, *args: object, context: SandboxContext, **options: object) -> object:
        context.meter.charge_value(value)
        if name != "default":
            note_missing(value, *args)
        if takes_environment:
            options["environment"] = context.env
        return _call_filter(name, function, value, args, options)

    return with_context(apply)


def _call_filter(
    name: str,
    function: Filter,
    value: object,
    args: tuple[object, ...],
    options: dict[str, object],
) -> object:
    try:
        return _bound_number(function(value, *args, **options))
    except (LiquidError, TypeError, ValueError, ArithmeticError, OSError) as error:
        # The library's messages quote the value, and a variable must not get into a log.
        kind = "missing value" if isinstance(value, MissingValue) else type(value).__name__
        message = f"the filter '{name}' cannot be applied to this {kind}"
        raise FilterArgumentError(message, token=None) from error


def _bound_number(result: object) -> object:
    if isinstance(result, int) and result.bit_length() > _MAX_BITS:
        raise OverflowError("number too large")
    return result


FILTERS: dict[str, Filter] = {
    name: meter_filter(name, function)
    for name, function in {
        "capitalize": string.capitalize,
        "date": format_date,
        "default": misc.default,
        "divided_by": math.divided_by,
        "downcase": string.downcase,
        "escape": string.escape,
        "first": array.first,
        "last": array.last,
        "minus": math.minus,
        "modulo": math.modulo,
        "newline_to_br": string.newline_to_br,
        "plus": math.plus,
        "round": math.round_,
        "size": misc.size,
        "strip": string.strip,
        "times": math.times,
        "truncate": string.truncate,
        "truncatewords": string.truncatewords,
        "upcase": string.upcase,
        "url_encode": string.url_encode,
    }.items()
}
