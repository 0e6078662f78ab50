"""`manage.py replay_failed`: send given-up notifications again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.notifications.management.dead_letter_filters import add_filter_arguments, read_selection
from apps.notifications.management.dead_letter_run import begin_run, report_run
from apps.notifications.management.pacing import read_rate
from apps.notifications.services.intervening import replay_dead_letters
from notifier.management.command_line import one_line_errors


class Command(BaseCommand):
    help = "Send the dead letters that match again, oldest first; without filters all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        add_filter_arguments(parser)
        parser.add_argument("--rate", metavar="N/s", help="replay at most so many per second")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        read_rate(options["rate"])  # a wrong one is said before anything is looked up
        with one_line_errors():
            selection = read_selection(options, now=timezone.now())
            run = begin_run(selection, dry_run=options["dry_run"])
            if not run.dry_run:
                run.carry_out(
                    lambda group: replay_dead_letters(ids=group),
                    rate=options["rate"],
                    label="Replaying",
                )
        self.stdout.write(report_run(run, options, done="Replayed"))
