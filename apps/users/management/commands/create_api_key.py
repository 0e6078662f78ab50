"""`manage.py create_api_key`: a key for a program."""

import json
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.users.services import create_api_key, get_organization
from notifier.authentication import SCOPES
from notifier.errors import NotifierError

LONGEST_DAYS: Final = 3650  # more is "never", which is said by leaving --expires out


class Command(BaseCommand):
    help = "Create an API key; its secret is printed this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--scopes", required=True, type=_split, help=f"comma-separated: {','.join(SCOPES)}"
        )
        parser.add_argument("--mode", choices=["live", "test"], default="live")
        parser.add_argument(
            "--organization",
            metavar="SLUG",
            default=settings.DEFAULT_ORGANIZATION_SLUG,
            help="default: %(default)s",
        )
        parser.add_argument(
            "--expires",
            metavar="DAYS|DATE",
            type=read_expiry,
            help="days from now, or a date: its first moment, UTC (default: never)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            organization = get_organization(slug=options["organization"])
            key, secret = create_api_key(
                organization_id=organization.pk,
                name=options["name"],
                scopes=options["scopes"],
                mode=options["mode"],
                created_by_id=None,
                expires_at=options["expires"],
                now=timezone.now(),
            )
        except NotifierError as error:
            raise CommandError(error.message) from error
        report: dict[str, Any] = {"id": str(key.pk), "name": key.name, "key": secret}
        expires_at = key.expires_at.isoformat() if key.expires_at else None
        report |= {"scopes": key.scopes, "mode": key.mode, "expires_at": expires_at}
        self.stdout.write(json.dumps(report) if options["json"] else secret)


def read_expiry(text: str) -> datetime:
    """Return when a key ends: `90` days from now, or at midnight UTC at the start of a date."""
    if text.isascii() and text.isdecimal() and len(text) <= len(str(LONGEST_DAYS)):
        days = int(text)
        if 0 < days <= LONGEST_DAYS:
            return timezone.now() + timedelta(days=days)
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError as error:
        expected = f"expected 1 to {LONGEST_DAYS} days or a date such as 2027-01-31"
        raise ArgumentTypeError(f"{expected}, not {text}") from error


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
