"""The options by which commands select dead letters, and what they mean."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from apps.notifications.models import Channel
from apps.notifications.services.intervening import Selection
from apps.users.services import get_organization

# Every id is kept in memory while a command runs; this many take about 100 MB.
MAX_AT_ONCE = 1_000_000
_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_filter_arguments(parser: CommandParser, *, limit: int = MAX_AT_ONCE) -> None:
    when = "RFC 3339 (2026-01-31T08:00:00Z) or so long ago (30m, 1h, 7d)"
    parser.add_argument("--since", metavar="WHEN", help=f"given up at or after: {when}")
    parser.add_argument("--until", metavar="WHEN", help="given up before; as --since")
    parser.add_argument("--error-code", metavar="CODE")
    parser.add_argument("--provider", metavar="NAME", help="that gave the last answer")
    parser.add_argument("--template", metavar="CODE")
    parser.add_argument("--recipient", metavar="ADDRESS", help="exactly: an address or a token")
    parser.add_argument("--channel", choices=Channel.values)
    parser.add_argument("--organization", metavar="SLUG", help="default: all of them")
    parser.add_argument("--id", action="append", metavar="UUID", help="may be repeated")
    parser.add_argument(
        "--limit", type=int, default=limit, metavar="N", help="at most; oldest first"
    )


def read_selection(options: Mapping[str, Any], *, now: datetime) -> Selection:
    """Return what the options select; raise CommandError for one that cannot be."""
    since, until = (_read_option(options, name, now=now) for name in ("since", "until"))
    if since and until and since >= until:
        raise CommandError("--since must be earlier than --until")
    if not 1 <= options["limit"] <= MAX_AT_ONCE:
        raise CommandError(f"--limit: expected 1 to {MAX_AT_ONCE}")
    slug = options["organization"]
    return Selection(
        organization_id=get_organization(slug=slug).pk if slug else None,
        ids=[read_id(text) for text in options["id"]] if options["id"] else None,
        notification_type=options["channel"],
        error_code=options["error_code"],
        provider=options["provider"],
        template_code=options["template"],
        recipient=options["recipient"],
        failed_after=since,
        failed_before=until,
        limit=options["limit"],
    )


def read_moment(text: str, *, now: datetime) -> datetime:
    """Return a point in time from RFC 3339, or from how long ago it was (30m, 1h, 7d).

    Raises ValueError.
    """
    if duration := _DURATION.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset")
    return moment


def read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(f"not an id: {text!r}") from error


def _read_option(options: Mapping[str, Any], name: str, *, now: datetime) -> datetime | None:
    if options[name] is None:
        return None
    try:
        return read_moment(options[name], now=now)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"--{name}: expected a time such as 2026-01-31T08:00:00Z (with its offset), or how"
            f" long ago such as 30m, 1h or 7d, not {options[name]!r}"
        ) from error
