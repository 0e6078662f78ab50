"""`manage.py purge`: delete what has outlived its use, as beat does every hour."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.delivery.services.purging import purge_leftovers
from notifier.management.command_line import as_json, one_line_errors


class Command(BaseCommand):
    help = "Delete captured messages and sessions that nobody needs any more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with one_line_errors():
            counts = purge_leftovers(now=timezone.now())
        if options["json"]:
            self.stdout.write(as_json(counts))
            return
        deleted = ", ".join(f"{kind.replace('_', ' ')}: {n}" for kind, n in counts.items())
        self.stdout.write(f"Deleted {deleted}")
