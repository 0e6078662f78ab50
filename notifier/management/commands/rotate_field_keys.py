"""`manage.py rotate_field_keys`: seal everything with the first of FIELD_ENCRYPTION_KEYS."""

import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress

from notifier.encryption import load_keyring
from notifier.encryption_rotation import (
    count_remaining,
    find_idle_keys,
    rotate_table,
    sealed_models,
)
from notifier.management.command_line import as_json, one_line_errors


class Command(BaseCommand):
    help = (
        "Encrypt all personal data again with the first key of FIELD_ENCRYPTION_KEYS, beside"
        " running processes; ended at any moment, it goes on where it was. Exits with 1 while"
        " anything is left under another key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print what was done as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with one_line_errors():
            rotated = self._rotate()
            remaining = sum((count_remaining(each) for each in sealed_models()), Counter[str]())
        idle = find_idle_keys(remaining)
        if options["json"]:
            first = load_keyring().first.id
            report = {"key": first, "rows": rotated, "remaining": remaining, "idle_keys": idle}
            self.stdout.write(as_json(report))
        else:
            self._tell(rotated, idle)
        if remaining:
            raise CommandError(_describe_remaining(remaining))

    def _rotate(self) -> dict[str, int]:
        rotated: dict[str, int] = {}
        with Progress(console=Console(file=sys.stderr), disable=not sys.stderr.isatty()) as bar:
            for model in sealed_models():
                table = model._meta.db_table  # noqa: SLF001  # documented, for all its underscore
                task = bar.add_task(table, total=model._default_manager.count())  # noqa: SLF001  # any model's rows
                rotated[table] = 0
                for seen, changed in rotate_table(model):
                    rotated[table] += changed
                    bar.advance(task, seen)
        return rotated

    def _tell(self, rotated: dict[str, int], idle: list[str]) -> None:
        for table, rows in rotated.items():
            self.stdout.write(f"{rows:>10}  {table}")
        self.stdout.write(f"Everything above is sealed with the key {load_keyring().first.id}.")
        for key in idle:
            self.stdout.write(
                f"Nothing is sealed with the key {key}: once every process runs with the new first"
                " key, run this again, and if it changes nothing, remove the old one."
            )


def _describe_remaining(remaining: Counter[str]) -> str:
    ring = load_keyring()
    told = [
        f"{count} values under {key}"
        + ("" if key in ring.by_id else ", which FIELD_ENCRYPTION_KEYS lacks")
        for key, count in remaining.items()
    ]
    return f"left: {'; '.join(told)}. Keep these keys, and run this again"
