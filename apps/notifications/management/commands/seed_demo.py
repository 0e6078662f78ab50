"""`manage.py seed_demo`: an organization, people, templates and a key to try things with."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.notifications.services.demo import Demo, seed_demo
from notifier.configuration import PRODUCTION
from notifier.management.command_line import as_json, one_line_errors


class Command(BaseCommand):
    help = "Store demo data; what is there already stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.NOTIFIER_ENV == PRODUCTION:
            raise CommandError("NOTIFIER_ENV is production: demo data has no place there")
        with one_line_errors():
            demo = seed_demo(var=Path(settings.VAR_DIR), now=timezone.now())
        self.stdout.write(as_json(asdict(demo)) if options["json"] else describe_demo(demo))


def describe_demo(demo: Demo) -> str:
    """Return lines for a person; the password is shown where it was made just now."""
    lines = [f"Organization {demo.organization} has its demo data."]
    if demo.is_new:
        lines.append(f"Operator: {demo.operator_email} / {demo.operator_password}")
        lines.append(f"API key:  {demo.api_key}")
    lines.append(f"The credentials are kept in {Path(settings.VAR_DIR) / 'demo.json'}")
    return "\n".join(lines)
