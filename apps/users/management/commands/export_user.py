"""`manage.py export_user`: all that is kept about a person, as JSON."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from apps.users.models import User
from apps.users.services.exporting import describe_account, list_kept
from notifier.errors import NotFound
from notifier.management.command_line import as_json, one_line_errors


class Command(BaseCommand):
    help = "Print all that is kept about a user as one JSON object, however much it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="ID_OR_EMAIL", help="whose data")

    def handle(self, *args: Any, **options: Any) -> None:
        with one_line_errors():
            user = _find(options["user"])
            self.stdout.write(f'{{"account": {as_json(describe_account(user))}', ending="")
            for name, rows in list_kept(user, by_address=True).items():
                self._write_list(name, rows)
            self.stdout.write("}")

    def _write_list(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write row by row: a person may have got a million messages."""
        self.stdout.write(f",\n{json.dumps(name)}: [", ending="")
        for number, row in enumerate(rows):
            self.stdout.write(("," if number else "") + f"\n{as_json(row)}", ending="")
        self.stdout.write("]", ending="")


def _find(text: str) -> User:
    users = User.objects.get_queryset().living()
    try:
        found = users.filter(pk=UUID(text)).first()
    except ValueError:
        found = users.with_email(text).first()
    if found is None:
        raise NotFound(f"no user {text}")
    return found
