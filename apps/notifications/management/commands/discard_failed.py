"""`manage.py discard_failed`: take given-up notifications out of the dead letters."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.notifications.management.dead_letter_filters import add_filter_arguments, read_selection
from apps.notifications.management.dead_letter_run import begin_run, report_run
from apps.notifications.services.intervening import discard_dead_letters
from notifier.management.command_line import one_line_errors


class Command(BaseCommand):
    help = "Give the dead letters that match up for good; they stay in the ledger as failed."

    def add_arguments(self, parser: CommandParser) -> None:
        add_filter_arguments(parser)
        parser.add_argument("--reason", required=True, help="kept in each timeline")
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with one_line_errors():
            selection = read_selection(options, now=timezone.now())
            selection.require_condition()
            run = begin_run(selection, dry_run=options["dry_run"])
            if not run.dry_run:
                run.carry_out(
                    lambda group: discard_dead_letters(ids=group, explanation=options["reason"]),
                    rate=None,
                    label="Discarding",
                )
        self.stdout.write(report_run(run, options, done="Discarded"))
