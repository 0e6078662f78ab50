"""`manage.py send --csv`: a file of recipients from the shell, resumable at any point."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from apps.notifications.services.csv_reading import CsvFile, inspect_csv
from apps.notifications.services.csv_upload import (
    ChunkResult,
    Rejection,
    Upload,
    check_rows,
    name_upload,
    open_batch,
    send_rows,
)
from notifier.authentication import Principal
from notifier.management.command_line import as_json, printable

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
SOME_REJECTED: Final = 2  # exit code
_SHOWN: Final = 5  # rejected rows on the terminal; the file has all
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
# They belong to one notification.
_OF_ONE: Final = (
    *("var", "platform", "request_id", "wait", "subject", "text", "html", "title"),
    *("scheduled_at", "expires_at"),
)


@dataclass(slots=True)
class Totals:
    """What a run came to."""

    rows: int = 0
    accepted: int = 0
    skipped: int = 0
    replayed: int = 0
    rejected: int = 0
    first: list[Rejection] = field(default_factory=list)

    def add(self, chunk: ChunkResult) -> None:
        self.rows += chunk.rows
        self.accepted += chunk.stored.accepted
        self.skipped += chunk.stored.skipped
        self.replayed += chunk.stored.replayed
        self.rejected += len(chunk.rejected)
        self.first += chunk.rejected[: _SHOWN - len(self.first)]


def add_csv_arguments(parser: CommandParser) -> None:
    group = parser.add_argument_group("a file of recipients: --csv with --template and --channel")
    group.add_argument("--channel", choices=("email", "push"), help="of the template")
    group.add_argument("--batch-name", metavar="NAME", help="instead of one made from the file")
    group.add_argument(
        "--rejected", metavar="FILE", help="default: beside the file, .rejected.csv"
    )
    group.add_argument("--dry-run", action="store_true", help="check all rows, accept none")


def send_csv(options: Mapping[str, Any], *, sender: Principal, out: OutputWrapper) -> None:
    """Send to the rows of a file; say what became of them.

    Raises CommandError (exit code 2 for rejected rows) and NotifierError. Whatever was accepted
    stays so when it ends in between: the same command goes on where it stopped.
    """
    _require_csv_options(options)
    path = Path(options["csv"])
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise CommandError(f"--csv: {error.strerror}: {path}") from error
        if _rejected_path(options, path).resolve() == path.resolve():
            raise CommandError("--rejected: that is the file to send")
        found = inspect_csv(file)
        upload = _describe_upload(options, found)
        _clear_rejected(_rejected_path(options, path))
        chunks, batch_id = _begin(file, found, upload, sender, dry=options["dry_run"])
        totals = _work_through(chunks, found, _rejected_path(options, path))
    _show(out, options, totals, upload=upload, batch_id=batch_id)
    if totals.rejected:
        rejected = f"{totals.rejected} of {totals.rows} rows were rejected"
        raise CommandError(rejected, returncode=SOME_REJECTED)


def _require_csv_options(options: Mapping[str, Any]) -> None:
    for name in _OF_ONE:
        if options[name] is not None:
            raise CommandError(f"--{name.replace('_', '-')} goes with one notification, not --csv")
    for name in ("template", "channel"):
        if not options[name]:
            raise CommandError(f"--csv needs --{name}")
    if options["batch_name"] and not _NAME.fullmatch(options["batch_name"]):
        raise CommandError("--batch-name: 1 to 100 letters, digits, dots, dashes or underscores")


def _describe_upload(options: Mapping[str, Any], found: CsvFile) -> Upload:
    channel, code = options["channel"], options["template"]
    return Upload(
        channel=channel,
        template_code=code,
        name=options["batch_name"] or name_upload(found, channel=channel, template_code=code),
        priority=5 if options["priority"] is None else options["priority"],
        language=options["language"],
    )


def _begin(
    file: BinaryIO, found: CsvFile, upload: Upload, sender: Principal, *, dry: bool
) -> tuple[Iterator[ChunkResult], UUID | None]:
    """Return what sends; the batch exists only once the template is known to be one."""
    check = check_rows(file, csv=found, upload=upload, principal=sender)
    if dry:
        return check, None
    next(check)
    batch = open_batch(upload=upload, csv=found, principal=sender)
    return send_rows(file, csv=found, upload=upload, batch=batch, principal=sender), batch.pk


def _work_through(chunks: Iterable[ChunkResult], found: CsvFile, path: Path) -> Totals:
    totals = Totals()
    with _open_bar() as bar:
        task = bar.add_task("Rows", total=found.rows)
        for chunk in chunks:
            totals.add(chunk)
            if chunk.rejected:
                _append_rejected(path, chunk.rejected, found)
            bar.advance(task, chunk.rows)
    return totals


def _rejected_path(options: Mapping[str, Any], path: Path) -> Path:
    return Path(options["rejected"] or path.with_name(f"{path.stem}.rejected.csv"))


def _clear_rejected(path: Path) -> None:
    """Remove an earlier run's report, and find out now whether this run can write one."""
    if path.exists() and not path.is_file():  # a device would be gone
        raise CommandError(f"--rejected: not a file: {path}")
    try:
        path.touch()
        path.unlink()
    except OSError as error:
        raise CommandError(f"--rejected: {error.strerror}: {path}") from error


def _append_rejected(path: Path, rejected: Iterable[Rejection], found: CsvFile) -> None:
    try:
        is_new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=found.delimiter)
            if is_new:
                writer.writerow(["line", "error", "message", *found.names])
            for each in rejected:
                told = [str(each.row.line), each.error, each.message, *each.row.fields]
                writer.writerow(map(_disarm, told))
    except OSError as error:
        raise CommandError(f"--rejected: {error.strerror}: {path}") from error


def _disarm(text: str) -> str:
    """Keep a spreadsheet from taking a field for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _open_bar() -> Progress:
    """The bar goes to stderr: stdout is for the answer."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _show(
    out: OutputWrapper,
    options: Mapping[str, Any],
    totals: Totals,
    *,
    upload: Upload,
    batch_id: UUID | None,
) -> None:
    path = _rejected_path(options, Path(options["csv"]))
    counts = {
        name: getattr(totals, name)
        for name in ("rows", "accepted", "skipped", "replayed", "rejected")
    }
    if options["json"]:
        where = str(path) if totals.rejected else None
        about = {"batch_id": batch_id, "batch_name": upload.name, "dry_run": options["dry_run"]}
        out.write(as_json({**about, **counts, "rejected_file": where}))
        return
    would = "Nothing was sent. Of" if options["dry_run"] else "Of"
    out.write(
        f"{would} {totals.rows} rows: {totals.accepted} accepted, {totals.skipped} skipped,"
        f" {totals.replayed} accepted earlier, {totals.rejected} rejected"
    )
    for each in totals.first:
        out.write(f"  line {each.row.line}: {printable(each.message)}")
    if totals.rejected:
        out.write(f"Rejected rows: {path}")
    if batch_id is not None:
        out.write(f"Batch {batch_id} ({upload.name}): the same command again sends nothing twice")
