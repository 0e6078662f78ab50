"""`manage.py create_api_key`: a key for a program."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.users.services import create_api_key, get_organization
from notifier.authentication import SCOPES
from notifier.errors import NotifierError


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
                expires_at=None,
                now=timezone.now(),
            )
        except NotifierError as error:
            raise CommandError(error.message) from error
        report = {"id": str(key.pk), "name": key.name, "key": secret}
        report |= {"scopes": key.scopes, "mode": key.mode}
        self.stdout.write(json.dumps(report) if options["json"] else secret)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
