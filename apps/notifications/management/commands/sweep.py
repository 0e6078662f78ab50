"""`manage.py sweep`: one sweep by hand, as the relay does every few seconds."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.notifications.relay import sweep


class Command(BaseCommand):
    help = "Put back notifications that were published and never claimed, or claimed and lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = sweep()
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write(", ".join(f"{kind}: {n}" for kind, n in counts.items()))
