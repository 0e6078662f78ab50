"""`manage.py config`: every setting, its value without secrets, and where it comes from."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from notifier.configuration import SETTINGS, Setting
from notifier.management.command_line import as_json, write_table
from notifier.setting_display import masked

HIDDEN = "***"
_PAGE_BEGIN = """\
# Settings

Environment variables. This page is printed by `manage.py config --output markdown`; `manage.py
config` prints what is in force. A value that cannot work stops the start with one line that names
it.

| setting | default | what it is | expected |
|---|---|---|---|"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """One line of the answer; `source` is environment, default or generated."""

    name: str
    value: str
    is_masked: bool
    source: str
    meaning: str
    expected: str


class Command(BaseCommand):
    help = "Print every setting of the environment; passwords and keys are masked."
    requires_system_checks: list[str] = []  # shows a broken set-up, too

    def add_arguments(self, parser: CommandParser) -> None:
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", help="print a JSON list")
        shape.add_argument(
            "-o",
            "--output",
            choices=["table", "env", "markdown"],
            default="table",
            help="default: table; markdown is the table of the docs, without values",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        shown = [show_setting(setting, var=Path(settings.VAR_DIR)) for setting in SETTINGS]
        if options["json"]:
            self.stdout.write(as_json([asdict(each) for each in shown]))
        elif options["output"] == "env":
            self.stdout.write("\n".join(map(as_assignment, shown)))
        elif options["output"] == "markdown":
            self.stdout.write("\n".join(describe_settings()))
        else:
            rows = [(each.name, each.value, each.source, each.meaning) for each in shown]
            write_table(self.stdout, ("SETTING", "VALUE", "FROM", "MEANING"), rows)


def show_setting(setting: Setting, *, var: Path) -> ShownSetting:
    given = os.environ.get(setting.name, "")
    is_generated = setting.generated and not given
    text = given or setting.default.replace("{var}", str(var))
    value = HIDDEN if is_generated else masked(setting, text)
    return ShownSetting(
        name=setting.name,
        value=value,
        is_masked=is_generated or value != text,
        source="environment" if given else "generated" if is_generated else "default",
        meaning=setting.meaning,
        expected=setting.expected,
    )


def as_assignment(shown: ShownSetting) -> str:
    """Return a line for an environment file; what is masked is commented out."""
    prefix = "# " if shown.is_masked else ""
    return f"{prefix}{shown.name}={shlex.quote(shown.value) if shown.value else ''}"


def describe_settings() -> Iterator[str]:
    """Yield the lines of docs/settings.md."""
    yield _PAGE_BEGIN
    for each in SETTINGS:
        default = "generated into `var/` in development" if each.generated else _show_default(each)
        yield f"| `{each.name}` | {default} | {each.meaning} | {each.expected} |"


def _show_default(setting: Setting) -> str:
    return f"`{setting.default.replace('{var}', 'var')}`" if setting.default else ""
