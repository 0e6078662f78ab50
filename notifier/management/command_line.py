"""What every command needs on a terminal: one-line errors, tables, JSON, and our own name."""

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import CommandError, OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, InterfaceError
from rich.console import Console
from rich.table import Table

from notifier.errors import NotifierError

# Columns where no terminal says how many it has: an id must stay on its line for grep and awk.
PIPE_WIDTH = 240


def python_command(*arguments: str) -> str:
    """Return what to type to run our Python: short inside the project, whole elsewhere."""
    interpreter = Path(sys.executable)
    if interpreter.is_relative_to(Path.cwd()):
        interpreter = interpreter.relative_to(Path.cwd())
    return shlex.join([str(interpreter), *arguments])


def manage_command(*arguments: str) -> str:
    """Return what to type to run one of our commands."""
    return python_command("manage.py", *arguments)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what the user can mend into one line and exit code 1."""
    try:
        yield
    except NotifierError as error:
        raise CommandError(error.message) from error
    except (DatabaseError, InterfaceError) as error:
        raise CommandError(
            f"the database refused ({first_line(error)}); see: {manage_command('doctor')}"
        ) from error


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def as_json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder)


def printable(value: object) -> str:
    """Return text that cannot drive a terminal: what strangers sent may hold escape sequences."""
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else " " for char in text)


def write_table(
    out: OutputWrapper, headers: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Write rows below their headers; the first two columns, id and time, are never broken."""
    width = None if out.isatty() else PIPE_WIDTH
    file = cast("IO[str]", out)  # it is one, which Django's stubs do not know
    console = Console(file=file, width=width, markup=False, emoji=False, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, header in enumerate(headers):
        table.add_column(header, no_wrap=number < 2, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    console.print(table)
