"""`manage.py dead_letters`: look at what was given up, and at what nobody could read."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.delivery.management.letters import (
    inspect_letter,
    list_letters,
    list_messages,
    write_letter,
    write_letters,
    write_messages,
)
from apps.notifications.management.dead_letter_filters import (
    add_filter_arguments,
    read_id,
    read_selection,
)
from notifier.management.command_line import as_json, one_line_errors

SHOWN = 50


class Command(BaseCommand):
    help = "List the dead letters, show one with its whole story, or list foreign messages."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="notifications that were given up")
        add_filter_arguments(listing, limit=SHOWN)
        inspecting = actions.add_parser("inspect", help="one of them, or one message, in full")
        inspecting.add_argument("id", metavar="ID")
        messages = actions.add_parser("messages", help="what arrived and was no notification")
        messages.add_argument("--limit", type=int, default=SHOWN, metavar="N")
        for each in (listing, inspecting, messages):
            each.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with one_line_errors():
            {"list": self._list, "inspect": self._inspect, "messages": self._messages}[
                options["action"]
            ](options)

    def _list(self, options: dict[str, Any]) -> None:
        rows, total = list_letters(read_selection(options, now=timezone.now()))
        if options["json"]:
            self.stdout.write(as_json({"total": total, "dead_letters": rows}))
        else:
            write_letters(self.stdout, rows, total=total)

    def _inspect(self, options: dict[str, Any]) -> None:
        letter = inspect_letter(read_id(options["id"]))
        if options["json"]:
            self.stdout.write(as_json(letter))
        else:
            write_letter(self.stdout, letter)

    def _messages(self, options: dict[str, Any]) -> None:
        rows = list_messages(max(1, options["limit"]))
        if options["json"]:
            self.stdout.write(as_json({"messages": rows}))
        else:
            write_messages(self.stdout, rows)
